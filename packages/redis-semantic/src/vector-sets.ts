import type { Connection, Keys, RedisCommand } from "@llmcache/redis/internal";
import type { Near, Placement, StoredVectors, VectorEngine } from "./engine.ts";
import { bytesOf, type VectorSpace } from "./layout.ts";
import { renew } from "./renewal.ts";
import type { ScriptCall } from "./scripts.ts";
import { ADD, MARK, pairOf, type SetPair } from "./set-pair.ts";

/** The expiry of a set with entries that never end: the last instant of the year 9999. */
const NEVER_MS = 253_402_300_799_999;
/** After so many writes into a set, or elements met without an entry, some of its elements are looked up. */
const LOOK_EVERY = 32;
const LOOKED_UP = 48;
/** Fewer say nothing. */
const LEAST_LOOKED_UP = 8;
/** A set of which more than this has no entry any more is made anew. */
const MOST_GONE = 0.5;
/** Pairs that something is remembered of; of others it begins anew. */
const MAX_KNOWN = 1000;
/** Into which sets, one after the other, until one takes it. */
const ROUNDS = ["there", "new", "closed"] as const;

/** What is remembered of a pair. */
interface KnownPair {
  count: number;
  /** Which one is written to. */
  target: 0 | 1 | undefined;
}

/** One of a pair, as a look finds it. */
interface Sample {
  readonly key: string;
  readonly isClosed: boolean;
  readonly size: number;
  readonly ids: readonly string[];
}

/**
 * Vectors in vector sets of Redis 8: a pair for each embedder and wall ({@link SetPair}), so that a search needs no filter and can meet nobody else's. Elements are ids.
 *
 * Elements are only ever added. Taking one out (VREM, and VADD over one that is there) can crash servers of Redis 8.0 to 8.4 and later, see
 * redis/redis#15424; VADD with CAS keeps Redis 8.0 from loading its append-only file. What has no entry any more stays until its set ends, with its longest entry, or
 * is made anew ({@link renew}), once most of it is gone.
 */
export class VectorSets implements VectorEngine {
  readonly #connection: Connection;
  readonly #keys: Keys;
  readonly #stored: StoredVectors;
  /** By the first key of the pair. */
  readonly #known: Map<string, KnownPair> = new Map<string, KnownPair>();
  /** Looks under way, by the same. */
  readonly #looks: Map<string, Promise<void>> = new Map<string, Promise<void>>();
  #isClosing = false;

  constructor(connection: Connection, keys: Keys, stored: StoredVectors) {
    this.#connection = connection;
    this.#keys = keys;
    this.#stored = stored;
  }

  async nearest(
    space: VectorSpace,
    wall: string,
    vector: Float32Array,
    count: number,
    signal: AbortSignal | undefined,
  ): Promise<readonly Near[]> {
    const bytes = bytesOf(vector);
    const { sets } = pairOf(this.#keys, space, wall);
    // One more: the mark may be among them.
    const replies = await this.#connection.batch(
      "search",
      signal,
      sets.map((key): RedisCommand => ["vsim", key, "FP32", bytes, "WITHSCORES", "COUNT", count + 1]),
    );
    const found = replies.map(nearOf);
    const full = found.filter(({ length }) => length > 0);
    // Of two nodes of a Cluster one may be away. What the other one has is of use.
    const failed = replies.find((reply) => reply instanceof Error);
    if (failed !== undefined && full.length === 0) throw this.#connection.failure("search", failed, signal);
    // Somebody makes one of them anew, or was cut off.
    if (full.length > 1) this.#count(space, wall, 1);
    return full.length > 1 ? merged(full.flat(), count) : (full[0] ?? []).slice(0, count);
  }

  /** What is there already is left: an id stands for its text, and so for its vector. */
  async place(space: VectorSpace, placements: readonly Placement[], signal: AbortSignal | undefined): Promise<void> {
    await this.#add(space, placements, signal);
    for (const [wall, some] of Map.groupBy(placements, (placement) => placement.wall))
      this.#count(space, wall, some.length);
  }

  /** It stays, and counts: see {@link VectorSets}. */
  forget(space: VectorSpace, wall: string, ids: readonly string[]): void {
    this.#count(space, wall, ids.length);
  }

  /** Lets what is under way come to the end of its step, after which others can go on with it. No longer than that many ms. */
  async close(mostMs: number): Promise<void> {
    this.#isClosing = true;
    if (this.#looks.size === 0) return;
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, mostMs);
    await Promise.race([Promise.all(this.#looks.values()), late.promise]);
    clearTimeout(timer);
  }

  async #add(space: VectorSpace, placements: readonly Placement[], signal: AbortSignal | undefined): Promise<void> {
    let left = placements;
    for (const round of ROUNDS) {
      const keys = new Map<string, { readonly key: string; readonly into: (typeof ROUNDS)[number] }>();
      await Promise.all(
        [...new Set(left.map(({ wall }) => wall))].map(async (wall) => {
          const pair = pairOf(this.#keys, space, wall);
          const known = this.#knownOf(pair);
          const isNew = known.target === undefined;
          known.target ??= await this.#target(pair, signal);
          keys.set(wall, { key: pair.sets[known.target], into: isNew && round === "there" ? "new" : round });
        }),
      );
      const calls = left.map(({ id, wall, vector, deleteAt = NEVER_MS }): ScriptCall => {
        const { key, into } = keys.get(wall) as { key: string; into: string };
        return { key, args: [bytesOf(vector), id, deleteAt, into] };
      });
      const replies = await ADD.runMany(this.#connection, "write", calls, signal);
      left = left.filter((_, index) => Number(replies[index]) === 0);
      if (left.length === 0) return;
      // It was closed, or is gone.
      for (const { wall } of left) this.#knownOf(pairOf(this.#keys, space, wall)).target = undefined;
    }
  }

  /** The open one, or the one that is to be made. */
  async #target({ sets }: SetPair, signal: AbortSignal | undefined): Promise<0 | 1> {
    const replies = await this.#connection.batch(
      "search",
      signal,
      sets.flatMap((key): RedisCommand[] => [
        ["vgetattr", key, MARK],
        ["vcard", key],
      ]),
    );
    const failed = replies.find((reply) => reply instanceof Error);
    if (failed !== undefined) throw this.#connection.failure("search", failed, signal);
    const [closed, size, otherClosed, otherSize] = replies;
    if (closed !== null) return 1;
    return Number(size) === 0 && Number(otherSize) > 0 && otherClosed === null ? 1 : 0;
  }

  #knownOf({ sets: [key] }: SetPair): KnownPair {
    // Begun anywhere: processes that write little before they end look as often, taken together.
    const known = this.#known.get(key) ?? { count: Math.floor(Math.random() * LOOK_EVERY), target: undefined };
    this.#known.delete(key);
    this.#known.set(key, known);
    if (this.#known.size > MAX_KNOWN) {
      const [oldest] = this.#known.keys();
      this.#known.delete(oldest as string);
    }
    return known;
  }

  /** Looks, in the background, whether a set is worth keeping, every so often. */
  #count(space: VectorSpace, wall: string, more: number): void {
    const pair = pairOf(this.#keys, space, wall);
    const known = this.#knownOf(pair);
    known.count += more;
    if (known.count < LOOK_EVERY) return;
    known.count %= LOOK_EVERY;
    const [key] = pair.sets;
    if (this.#isClosing || this.#looks.has(key)) return;
    // Nobody waits for it, but for who closes; where it fails it is tried again.
    const look = this.#look(space, wall, pair)
      .catch(() => undefined)
      .finally(() => this.#looks.delete(key));
    this.#looks.set(key, look);
  }

  async #look(space: VectorSpace, wall: string, pair: SetPair): Promise<void> {
    const from = await this.#worn(await this.#samples(pair));
    if (from === undefined) return;
    const { lock } = pair;
    await renew({
      connection: this.#connection,
      space,
      wall,
      from,
      lock,
      stored: this.#stored,
      add: (placements) => this.#add(space, placements, undefined),
      isStopped: () => this.#isClosing,
    });
  }

  async #samples({ sets }: SetPair): Promise<readonly Sample[]> {
    const replies = await this.#connection.batch(
      "search",
      undefined,
      sets.flatMap((key): RedisCommand[] => [
        ["vgetattr", key, MARK],
        ["vcard", key],
        ["vrandmember", key, LOOKED_UP],
      ]),
    );
    const failed = replies.find((reply) => reply instanceof Error);
    if (failed !== undefined) throw this.#connection.failure("search", failed);
    return sets.map((key, index) => {
      const [closed, size, some] = replies.slice(index * 3);
      const ids = Array.isArray(some) ? some.map(String).filter((id) => id !== MARK) : [];
      return { key, isClosed: closed !== null, size: Number(size), ids };
    });
  }

  /** The set that is to be made anew: which somebody has begun with, or most of which is gone; of two that are there the smaller one. */
  async #worn(samples: readonly Sample[]): Promise<string | undefined> {
    const closed = samples.find(({ isClosed }) => isClosed);
    if (closed !== undefined) return closed.key;
    for (const { key, ids } of samples) {
      if (ids.length < LEAST_LOOKED_UP) continue;
      const present = await this.#stored.arePresent(ids);
      const gone = present.filter((isPresent) => !isPresent).length;
      if (gone > ids.length * MOST_GONE) return key;
    }
    if (samples.some(({ size }) => size === 0)) return undefined;
    return samples.toSorted((a, b) => a.size - b.size)[0]?.key;
  }
}

/** Scores are (1 + cosine) / 2: the sets keep vectors in eight bits a number. */
function nearOf(reply: unknown): readonly Near[] {
  if (!Array.isArray(reply)) return [];
  const near: Near[] = [];
  for (let at = 0; at + 1 < reply.length; at += 2) {
    const id = String(reply[at]);
    const cosine = 2 * Number(String(reply[at + 1])) - 1;
    if (id !== MARK) near.push({ id, similarity: cosine > 0 ? Math.min(1, cosine) : 0 });
  }
  return near;
}

/** The nearest of two sets: what is in both, once. */
function merged(near: readonly Near[], count: number): readonly Near[] {
  const seen = new Set<string>();
  return near
    .toSorted((a, b) => b.similarity - a.similarity)
    .filter(({ id }) => seen.size < seen.add(id).size)
    .slice(0, count);
}
