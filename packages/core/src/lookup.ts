import { plainValue, type Body } from "./body.ts";
import type { Call } from "./call.ts";
import type { EffectiveControl } from "./control.ts";
import type { Engine } from "./engine.ts";
import type { EntryHead } from "./entry.ts";
import type { MissReason } from "./events.ts";
import { staleness, staleUse, type StaleUse } from "./freshness.ts";
import { isFor, isSimilarHit } from "./similar.ts";
import type { StoreHit } from "./store.ts";
import type { Generations } from "./tags.ts";

/** How a stored form becomes what the caller wants; `undefined`: it cannot serve this call. */
export type Decode<T> = (body: Body, head: EntryHead) => T | undefined;

/** A stored answer, and what it is to the caller. */
export interface Served<T> {
  readonly hit: StoreHit;
  readonly value: T;
}

/** What the lookup found: an answer; or why none, and perhaps an expired one that may be served while it is refreshed. */
export type Found<T> = Served<T> | { readonly reason: MissReason; readonly stale?: Served<T> | undefined };

type Judged<T> = { readonly value: T } | { readonly reason: MissReason };

/** Looks the key up and judges what is there. Store trouble is a miss, or an error where it may not be passed over. */
export async function find<T>(engine: Engine, call: Call, decode: Decode<T> | undefined): Promise<Found<T>> {
  const unread = notToRead(call.control);
  if (unread !== undefined) return { reason: unread };
  const candidates = new Candidates(engine, call, decode, "whileRevalidating");
  try {
    const best = candidates.best(await read(engine, call, candidates));
    return best instanceof Promise ? await best : best;
  } catch (error) {
    engine.storeFailed(call, error);
    return { reason: "store-failure" };
  }
}

function read<T>(engine: Engine, call: Call, { accept }: Candidates<T>): Promise<StoreHit | undefined> {
  return engine.inTime(call.settings, "get", (store, signal) => store.get(call.key, { signal, accept }));
}

/** The same for several keys of one list, in their order. */
export async function findMany<T>(
  engine: Engine,
  calls: readonly Call[],
  decode: Decode<T> | undefined,
): Promise<readonly Found<T>[]> {
  const [first] = calls;
  if (first === undefined) return [];
  const { settings } = first;
  const unread = notToRead(first.control);
  if (unread !== undefined) return calls.map(() => ({ reason: unread }));
  if (settings.store.getMany === undefined) return Promise.all(calls.map((call) => find(engine, call, decode)));
  const byId = new Map(
    calls.map((call) => [call.key.id, new Candidates(engine, call, decode, "whileRevalidating")] as const),
  );
  try {
    const hits = await engine.inTime(settings, "getMany", async (store, signal) =>
      store.getMany?.(
        calls.map((call) => call.key),
        { signal, accept: (hit, key) => byId.get(key.id)?.accept(hit) ?? false },
      ),
    );
    return await Promise.all(
      calls.map(async (call, index) => (byId.get(call.key.id) as Candidates<T>).best(hits?.[index])),
    );
  } catch (error) {
    engine.storeFailed(first, error);
    return calls.map(() => ({ reason: "store-failure" as const }));
  }
}

/**
 * The provider has failed: an expired answer that may be served then (`staleIfError`), or one that is fresh by now. Store trouble is
 * a miss: then there is the provider's failure.
 */
export async function findInstead<T>(
  engine: Engine,
  call: Call,
  decode: Decode<T> | undefined,
): Promise<Found<T> | undefined> {
  if (call.control.staleIfErrorMs === 0 || notToRead(call.control) !== undefined) return undefined;
  const candidates = new Candidates(engine, engine.afresh(call), decode, "ifError");
  try {
    return await candidates.best(await read(engine, call, candidates));
  } catch (error) {
    engine.failed(call, "get", error);
    return undefined;
  }
}

/** Has what somebody else found or made been invalidated by now? If that cannot be told, it may have been. */
export async function isOvertaken(engine: Engine, call: Call, tags: Generations | undefined): Promise<boolean> {
  if (tags === undefined) return false;
  try {
    return !(await engine.tagReaderOfTurn(call.settings).areCurrent(tags));
  } catch (error) {
    engine.failed(call, "get", error);
    return true;
  }
}

/** May this hit, found by another call, be served to this one, and as what? Its tags are another question: see {@link isOvertaken}. */
export function judge<T>(
  engine: Engine,
  call: Call,
  hit: StoreHit,
  decode: Decode<T> | undefined,
): (Judged<T> & { readonly isStale?: boolean }) | { readonly reason: MissReason } {
  const { entry } = hit;
  if (!isFor(hit, call.key)) return { reason: "other-id" };
  const now = call.settings.clock();
  const reason = staleness(entry, call.control, now);
  if (reason === undefined) return decoded(engine, call, entry.body, entry, decode);
  if (reason !== "expired" || !staleUse(entry, call.control, now).whileRevalidating) return { reason };
  return { ...decoded(engine, call, entry.body, entry, decode), isStale: true };
}

/** A decoder that throws is a miss and an event, not an error: what it was given came from outside. */
export function decoded<T>(
  engine: Engine,
  call: Call,
  body: Body,
  head: EntryHead,
  decode: Decode<T> | undefined,
): Judged<T> {
  try {
    const value = decode === undefined ? (plainValue(body) as T) : decode(body, head);
    return value === undefined ? { reason: "undecodable" } : { value };
  } catch (error) {
    engine.failed(call, "decode", error);
    return { reason: "undecodable" };
  }
}

/**
 * The candidates of one lookup, in the order in which the store offers them. Each is judged once, whether the store asks for it or
 * not; of expired ones that might do the newest is kept, in case that nothing fresh is found.
 */
class Candidates<T> {
  readonly #engine: Engine;
  readonly #call: Call;
  readonly #decode: Decode<T> | undefined;
  readonly #use: keyof StaleUse;
  #reason: MissReason = "absent";
  #accepted: Served<T> | undefined;
  #stale: StoreHit | undefined;

  constructor(engine: Engine, call: Call, decode: Decode<T> | undefined, use: keyof StaleUse) {
    this.#engine = engine;
    this.#call = call;
    this.#decode = decode;
    this.#use = use;
  }

  readonly accept = (hit: StoreHit): boolean | Promise<boolean> => {
    const { entry } = hit;
    const call = this.#call;
    if (!isFor(hit, call.key)) return this.#refuse("other-id");
    const now = call.settings.clock();
    const reason = staleness(entry, call.control, now);
    if (reason !== undefined) {
      if (reason === "expired" && staleUse(entry, call.control, now)[this.#use]) this.#keep(hit);
      return this.#refuse(reason);
    }
    if (entry.tags === undefined) return this.#take(hit);
    return this.#call.tags
      .areCurrent(entry.tags)
      .then((current) => (current ? this.#take(hit) : this.#refuse("invalidated")));
  };

  /** What is to be served, given what the store gave; at once, unless generations of tags have to be read. */
  best(hit: StoreHit | undefined): Found<T> | Promise<Found<T>> {
    const accepted = hit !== undefined && (this.#accepted?.hit.entry === hit.entry || this.accept(hit));
    if (accepted instanceof Promise) return accepted.then((yes) => (yes ? this.#served(hit) : this.#instead()));
    return accepted ? this.#served(hit) : this.#instead();
  }

  #served(hit: StoreHit | undefined): Served<T> {
    return { hit: hit as StoreHit, value: (this.#accepted as Served<T>).value };
  }

  #instead(): Found<T> | Promise<Found<T>> {
    const stale = this.#stale;
    if (stale === undefined) return { reason: this.#reason };
    const { tags } = stale.entry;
    if (tags === undefined) return this.#usable(stale);
    return this.#call.tags
      .areCurrent(tags)
      .then((current) => (current ? this.#usable(stale) : { reason: "invalidated" as const }));
  }

  #usable(stale: StoreHit): Found<T> {
    const usable = decoded(this.#engine, this.#call, stale.entry.body, stale.entry, this.#decode);
    return "value" in usable
      ? { reason: this.#reason, stale: { hit: stale, value: usable.value } }
      : { reason: usable.reason };
  }

  #take(hit: StoreHit): boolean {
    const usable = decoded(this.#engine, this.#call, hit.entry.body, hit.entry, this.#decode);
    if ("reason" in usable) return this.#refuse(usable.reason);
    this.#accepted = { hit, value: usable.value };
    return true;
  }

  /** The newest; but the request's own comes before similar ones. */
  #keep(hit: StoreHit): void {
    const { key } = this.#call;
    const there = this.#stale;
    const isSimilar = isSimilarHit(hit, key);
    const isBetter =
      there === undefined || isSimilarHit(there, key) === isSimilar
        ? there === undefined || hit.entry.createdAt > there.entry.createdAt
        : !isSimilar;
    if (isBetter) this.#stale = hit;
  }

  #refuse(reason: MissReason): false {
    this.#reason = reason;
    return false;
  }
}

function notToRead(control: EffectiveControl): MissReason | undefined {
  if (control.noCache) return "no-cache";
  return control.sMaxAgeMs === 0 ? "too-old" : undefined;
}
