import { randomUUID } from "node:crypto";
import { Body } from "./body.ts";
import type { Call } from "./call.ts";
import type { Engine } from "./engine.ts";
import type { Entry } from "./entry.ts";
import type { Flight, HeldLease } from "./flight.ts";
import type { JsonObject } from "./json.ts";
import { requestKey } from "./key.ts";
import type { Found } from "./lookup.ts";
import type { StoreHit } from "./store.ts";
import { originOf } from "./tags.ts";
import { stores } from "./writing.ts";

/**
 * One call of many processes asks the provider; the others wait for its answer. A lease is an entry of its own, for `leaseMs`, with
 * a random token: its holder renews it as long as he asks and gives it back. All that hangs on it is work that is saved: who finds
 * no lease to be had, or a store that fails, asks.
 */

const OPERATION = "llmcache.lease";
/** A lease is renewed so many times while it lasts. */
const RENEWALS = 3;
/** How long who waits is asleep between two looks: grows from the first to the second, and is no longer than a part of the lease. */
const FIRST_WAIT_MS = 25;
const LONGEST_WAIT_MS = 500;
const WAIT_GROWTH = 1.5;

/** What one attempt gave: the lease; somebody else's; the word that everybody may ask; or nothing, because the store failed. */
type Attempt = Lease | Taken | "open" | "failed";

/** Somebody else has it: which lease it is, and its last renewal. */
interface Taken {
  readonly mark: string;
}

/**
 * May this call wait for, or save, the work of other processes? Not one that goes beside a run of this process, which may be what it is
 * a part of.
 */
export function wantsLease(engine: Engine, call: Call, flight: Flight): boolean {
  return (
    call.settings.leaseMs !== undefined &&
    engine.mayJoin(call) &&
    stores(call, flight) &&
    engine.flights.get(call.key.id) === flight
  );
}

/**
 * Waits until this run holds the lease, may ask without it, or `look` finds an answer; the run's signal ends it with its reason. One
 * lease that is not renewed is waited for no longer than it lasts, whatever the clocks of others say. The run ends the lease.
 */
export async function claim<T>(
  engine: Engine,
  call: Call,
  flight: Flight,
  look: () => Promise<Found<T>>,
): Promise<Found<T>> {
  const { signal } = flight;
  const leaseMs = leaseMsOf(call);
  let mark = "";
  let seenAt = performance.now();
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * WAIT_GROWTH, LONGEST_WAIT_MS, leaseMs / 2)) {
    const attempt = await take(engine, call);
    if (attempt instanceof Lease) flight.lease = attempt;
    // The answer may have come between the last look and now.
    const found = await look();
    if (signal.aborted) {
      flight.lease?.giveBack();
      throw signal.reason;
    }
    if ("hit" in found || found.stale !== undefined) {
      flight.lease?.giveBack();
      return found;
    }
    if (typeof attempt === "string" || attempt instanceof Lease) return found;
    if (attempt.mark !== mark) {
      mark = attempt.mark;
      seenAt = performance.now();
    } else if (performance.now() - seenAt > leaseMs) return found;
    await sleep(waitMs, signal);
  }
}

/** One attempt. Never rejects: a store that fails is told by an event. */
export async function take(engine: Engine, call: Call): Promise<Attempt> {
  try {
    const lease = new Lease(engine, call);
    if (await lease.acquire()) return lease;
    const there = await getLease(engine, call);
    const content = contentOf(there);
    if (content?.["open"] === true) return "open";
    return { mark: JSON.stringify([content?.["token"], there?.entry.createdAt]) };
  } catch (error) {
    engine.failed(call, "lease", error);
    return "failed";
  }
}

/** A lease that this process holds, or tries to get. */
export class Lease implements HeldLease {
  readonly #engine: Engine;
  readonly #call: Call;
  readonly #token: string = randomUUID();
  #current: Entry;
  #timer: NodeJS.Timeout | undefined;
  #renewal: Promise<void> | undefined;
  #isOver = false;

  constructor(engine: Engine, call: Call) {
    this.#engine = engine;
    this.#call = call;
    this.#current = this.#entry(false);
  }

  async acquire(): Promise<boolean> {
    if (!(await this.#add(this.#current, undefined))) return false;
    this.#renewLater();
    return true;
  }

  /** The provider has been asked: others find the answer once it is `written`, or are told that they may ask for themselves. */
  end({ stored, written }: { readonly stored: boolean; readonly written?: Promise<boolean> | undefined }): void {
    this.#over(async () => {
      if (stored && (await written) !== false) await this.#drop();
      else await this.#add(this.#entry(true), this.#current);
    });
  }

  /** Nobody was asked, or nobody waited for the answer. */
  giveBack(): void {
    this.#over(() => this.#drop());
  }

  #over(last: () => Promise<unknown>): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#engine.inBackground(
      (async () => {
        try {
          await this.#renewal;
          await last();
        } catch (error) {
          // It ends by itself.
          this.#engine.failed(this.#call, "lease", error);
        }
      })(),
    );
  }

  /** Deletes it, if it still is ours. */
  async #drop(): Promise<void> {
    const there = await getLease(this.#engine, this.#call);
    if (contentOf(there)?.["token"] !== this.#token) return;
    await this.#engine.inTime(this.#call.settings, "delete", (store, signal) =>
      originOf(store).delete({ id: this.#current.id }, { signal }),
    );
  }

  #renewLater(): void {
    this.#timer = setTimeout(
      () => {
        this.#renewal = this.#renew();
      },
      leaseMsOf(this.#call) / RENEWALS,
    );
    this.#timer.unref();
  }

  async #renew(): Promise<void> {
    const renewed = this.#entry(false);
    try {
      // Lost, if it took too long: somebody else has it, or nobody.
      if (!(await this.#add(renewed, this.#current))) return;
      this.#current = renewed;
    } catch (error) {
      this.#engine.failed(this.#call, "lease", error);
    }
    if (!this.#isOver) this.#renewLater();
  }

  #add(entry: Entry, over: Entry | undefined): Promise<boolean> {
    return this.#engine.inTime(this.#call.settings, "add", (store, signal) =>
      originOf(store).add(entry, { signal, over }),
    );
  }

  #entry(open: boolean): Entry {
    const createdAt = this.#call.settings.clock();
    const endAt = createdAt + leaseMsOf(this.#call);
    return {
      id: leaseId(this.#call),
      createdAt,
      staleAt: endAt,
      deleteAt: endAt,
      metadata: { operation: OPERATION },
      body: Body.json({ token: this.#token, open }),
    };
  }
}

function getLease(engine: Engine, call: Call): Promise<StoreHit | undefined> {
  return engine.inTime(call.settings, "get", (store, signal) => originOf(store).get({ id: leaseId(call) }, { signal }));
}

function contentOf(hit: StoreHit | undefined): JsonObject | undefined {
  try {
    const content = hit?.entry.body.json();
    return typeof content === "object" && content !== null && !Array.isArray(content)
      ? (content as JsonObject)
      : undefined;
  } catch {
    return undefined;
  }
}

function leaseId(call: Call): string {
  return requestKey({ operation: OPERATION, prompt: call.key.id }).id;
}

function leaseMsOf(call: Call): number {
  return call.settings.leaseMs ?? 0;
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}
