import type { Body } from "./body.ts";
import type { EntryHead } from "./entry.ts";
import type { RunToken } from "./producing.ts";
import type { StoreHit } from "./store.ts";
import type { StreamLog } from "./stream-log.ts";
import type { Generations } from "./tags.ts";

/**
 * How a run ended, for those who joined it: with a stored answer; with a new one (or with what tells of the provider's failure);
 * with one that only its own caller can hold; or without one because the caller who led it went away.
 */
export type FlightEnd =
  | { readonly type: "hit"; readonly hit: StoreHit }
  | { readonly type: "produced"; readonly body: Body; readonly head: EntryHead; readonly hasFailed: boolean }
  | { readonly type: "unshared" }
  | { readonly type: "abandoned" };

/** What a run holds that makes other processes wait; to be ended once nobody would profit from waiting. */
export interface HeldLease {
  /** The answer was asked for; it was stored, once it is `written`. */
  end(how: { readonly stored: boolean; readonly written?: Promise<boolean> | undefined }): void;
  /** Nobody was asked, or nobody waited for the answer. */
  giveBack(): void;
}

/** Ends a participation in a run. */
export type Leave = (reason: unknown) => void;

type Settled = { readonly end: FlightEnd } | { readonly error: unknown };

/** One run for one key: read, call and write. Everybody who waits for it is a participant. */
export class Flight {
  readonly id: string;
  /** Its answer was deleted before it came: it is handed over, not stored. */
  detached = false;
  /** It refreshes an answer that is served in the meantime. */
  isRefresh = false;
  /** The provider gave no answer, but an error. */
  hasProviderFailed = false;
  /** The first chunk of its stream tells that the provider has failed. */
  beganWithFailure = false;
  /** Set while the answer streams. */
  log: StreamLog<unknown> | undefined;
  chunkType = "";
  /** The entry that was written, or is being written. */
  head: EntryHead | undefined;
  /** Settles (never rejects) with the write: did it succeed? */
  written: Promise<boolean> | undefined;
  /** Makes other processes wait for its answer. */
  lease: HeldLease | undefined;
  /** Of the answer's tags, while it streams. */
  generations: Generations | undefined;

  #participants = 0;
  #settled: Settled | undefined;
  #end: PromiseWithResolvers<FlightEnd> | undefined;
  #started: PromiseWithResolvers<void> | undefined;
  #controller: AbortController | undefined;
  readonly #flights: Flights;
  /** What stands for this run in the contexts of what it calls. */
  readonly token: RunToken = { isOver: false };

  /** What its answer can be invalidated by. */
  readonly tags: readonly string[];

  constructor(id: string, flights: Flights, tags: readonly string[]) {
    this.id = id;
    this.#flights = flights;
    this.tags = tags;
  }

  /** Aborted when the last participant has left. */
  get signal(): AbortSignal {
    return (this.#controller ??= new AbortController()).signal;
  }

  get participants(): number {
    return this.#participants;
  }

  get isSettled(): boolean {
    return this.#settled !== undefined;
  }

  /** One more takes part. @returns what he calls when he goes, once or more often; the last one to go ends the run. */
  enter(): Leave {
    this.#participants++;
    let left = false;
    return (reason) => {
      if (left) return;
      left = true;
      this.#participants--;
      if (this.#participants > 0 || this.#settled !== undefined) return;
      this.#flights.unlist(this);
      this.lease?.giveBack();
      (this.#controller ??= new AbortController()).abort(reason);
    };
  }

  settle(end: FlightEnd): void {
    this.#settled ??= { end };
    this.token.isOver = true;
    this.#end?.resolve(end);
    this.#started?.resolve();
  }

  fail(error: unknown): void {
    this.#settled ??= { error };
    this.token.isOver = true;
    this.#end?.reject(error);
    this.#started?.resolve();
  }

  /** The first chunk of the answer is there: those who can read along may. */
  start(log: StreamLog<unknown>, chunkType: string): void {
    this.log = log;
    this.chunkType = chunkType;
    this.#started?.resolve();
  }

  /** Takes part until the end. Rejects with the run's failure, or with the signal's reason. */
  async join(signal: AbortSignal | undefined, leave: Leave = this.enter()): Promise<FlightEnd> {
    this.log?.awaited();
    return untilAborted(this.#ended(), signal, leave);
  }

  /** Waits until the answer streams (its first chunk has come) or the run has ended. */
  async started(): Promise<void> {
    if (this.log !== undefined || this.#settled !== undefined) return;
    await (this.#started ??= Promise.withResolvers<void>()).promise;
  }

  #ended(): Promise<FlightEnd> {
    const settled = this.#settled;
    if (settled !== undefined) return "end" in settled ? Promise.resolve(settled.end) : Promise.reject(settled.error);
    if (this.#end === undefined) {
      this.#end = Promise.withResolvers<FlightEnd>();
      this.#end.promise.catch(() => undefined);
    }
    return this.#end.promise;
  }
}

/** `promise`, unless the signal is aborted first: then `leave` is called and the reason is thrown. */
export async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined, leave: Leave): Promise<T> {
  if (signal === undefined) return promise;
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => {
    leave(signal.reason);
    aborted.reject(signal.reason);
  };
  promise.catch(() => undefined);
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

const NO_TAGS: readonly string[] = [];

/** The runs of one cache. A run that may be joined is listed under its id, one per id; all are known until they are over. */
export class Flights {
  readonly #listed: Map<string, Flight> = new Map<string, Flight>();
  readonly #others: Set<Flight> = new Set<Flight>();

  /** How many are under way: 0 when nothing is. */
  get size(): number {
    return this.#listed.size + this.#others.size;
  }

  get(id: string): Flight | undefined {
    return this.#listed.get(id);
  }

  /** Registers synchronously; a run that may not be joined, or finds its id taken, is not listed. */
  open(id: string, joinable: boolean, tags: readonly string[] = NO_TAGS): Flight {
    const flight = new Flight(id, this, tags);
    if (joinable && !this.#listed.has(id)) this.#listed.set(id, flight);
    else this.#others.add(flight);
    return flight;
  }

  /** The run is over: nothing of it is kept. */
  close(flight: Flight): void {
    // Outcomes outlive their runs, and need nothing of the stream.
    flight.log = undefined;
    if (this.#listed.get(flight.id) === flight) this.#listed.delete(flight.id);
    else this.#others.delete(flight);
  }

  /** Nobody may join it any more; it is not over. */
  unlist(flight: Flight): void {
    if (this.#listed.get(flight.id) !== flight) return;
    this.#listed.delete(flight.id);
    this.#others.add(flight);
  }

  /** Runs under way for this id (all ids, if none is given) will not be stored. Resolves when writes already begun have settled. */
  async detach(id?: string): Promise<void> {
    const writes: Promise<unknown>[] = [];
    for (const flight of [...this.#listed.values(), ...this.#others]) {
      if (id !== undefined && flight.id !== id) continue;
      this.#detach(flight);
      this.unlist(flight);
      if (flight.written !== undefined) writes.push(flight.written);
    }
    await Promise.all(writes);
  }

  /** Nobody may join what is under way, which may be about to serve what was invalidated; what has one of the tags is not stored. */
  detachTagged(tags: readonly string[]): void {
    for (const flight of [...this.#listed.values(), ...this.#others]) {
      this.unlist(flight);
      if (flight.tags.some((tag) => tags.includes(tag))) this.#detach(flight);
    }
  }

  /** Nobody need wait for what will not be stored. */
  #detach(flight: Flight): void {
    flight.detached = true;
    if (flight.written === undefined) flight.lease?.giveBack();
  }
}
