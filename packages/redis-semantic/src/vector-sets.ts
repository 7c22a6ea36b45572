import { inSteps, type Connection, type Keys } from "@llmcache/redis/internal";
import type { Near, Placement, StoredVectors, VectorEngine } from "./engine.ts";
import { bytesOf, digest, type VectorSpace } from "./layout.ts";
import { Script, type ScriptCall } from "./scripts.ts";

/** The expiry of a set with entries that never end: the last instant of the year 9999. */
const NEVER_MS = 253_402_300_799_999;
/** After so many writes into a set, or elements met without an entry, some of its elements are looked up. */
const LOOK_EVERY = 32;
const LOOKED_UP = 48;
/** Fewer say nothing. */
const LEAST_LOOKED_UP = 8;
/** A set of which more than this has no entry any more is made anew. */
const MOST_GONE = 0.5;
/** Sets that are counted; of others the count begins anew. */
const MAX_COUNTED = 1000;
/** Adding one takes a millisecond or more, in which a server does nothing else: others have their turn after so many. */
const ADDED_TOGETHER = 8;
/** Two processes need not do it; one that was killed meanwhile lets others after so long. */
const RENEWAL_MS = 60_000;

/** Adds what is not there. The set ends with the last of its elements: where it is new, and where it would end sooner. */
const ADD: Script = new Script(`
if redis.call('VISMEMBER', KEYS[1], ARGV[2]) == 0 then redis.call('VADD', KEYS[1], 'FP32', ARGV[1], ARGV[2]) end
redis.call('PEXPIREAT', KEYS[1], ARGV[3], 'NX')
redis.call('PEXPIREAT', KEYS[1], ARGV[3], 'GT')`);

/** All elements of a set, which is gone then: what is added from now on is in the new one. */
const TAKE_ALL: Script = new Script(`
local count = redis.call('VCARD', KEYS[1])
if count == 0 then return {} end
local all = redis.call('VRANDMEMBER', KEYS[1], count)
redis.call('UNLINK', KEYS[1])
return all`);

/**
 * Vectors in vector sets of Redis 8: one for each embedder and wall, so that a search needs no filter and can meet nobody else's. Elements are ids.
 *
 * Elements are only ever added. Taking one out (VREM, and VADD over one that is there) can crash servers of Redis 8.0 to 8.4 and later, see
 * redis/redis#15424; VADD with CAS keeps Redis 8.0 from loading its append-only file. What has no entry any more stays until its set ends, with its longest entry, or
 * is made anew, once most of it is gone.
 */
export class VectorSets implements VectorEngine {
  readonly #connection: Connection;
  readonly #keys: Keys;
  readonly #stored: StoredVectors;
  readonly #counts: Map<string, number> = new Map<string, number>();

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
    const key = this.#keyOf(space, wall);
    const query = ["vsim", key, "FP32", bytesOf(vector), "WITHSCORES", "COUNT", count] as const;
    return nearOf(await this.#connection.command("search", signal, ...query));
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

  #keyOf({ id }: VectorSpace, wall: string): string {
    return this.#keys.of(digest([id, wall]));
  }

  async #add(space: VectorSpace, placements: readonly Placement[], signal: AbortSignal | undefined): Promise<void> {
    const calls = placements.map(({ id, wall, vector, deleteAt = NEVER_MS }): ScriptCall => ({
      key: this.#keyOf(space, wall),
      args: [bytesOf(vector), id, deleteAt],
    }));
    await ADD.runMany(this.#connection, "write", calls, signal);
  }

  /** Looks, in the background, whether a set is worth keeping, every so often. */
  #count(space: VectorSpace, wall: string, more: number): void {
    const key = this.#keyOf(space, wall);
    const count = (this.#counts.get(key) ?? 0) + more;
    this.#counts.delete(key);
    this.#counts.set(key, count % LOOK_EVERY);
    if (this.#counts.size > MAX_COUNTED) {
      const [oldest] = this.#counts.keys();
      this.#counts.delete(oldest as string);
    }
    // Nobody waits for it; where it fails it is tried again.
    if (count >= LOOK_EVERY) this.#look(space, wall).catch(() => undefined);
  }

  async #look(space: VectorSpace, wall: string): Promise<void> {
    const some = await this.#elements(space, wall, LOOKED_UP);
    if (some.length < LEAST_LOOKED_UP) return;
    const present = await this.#stored.arePresent(some);
    const gone = present.filter((isPresent) => !isPresent).length;
    if (gone > some.length * MOST_GONE) await this.#renew(space, wall);
  }

  /** The entries are the truth: from them the set is made anew. Meanwhile some are found by their ids alone. */
  async #renew(space: VectorSpace, wall: string): Promise<void> {
    const key = this.#keyOf(space, wall);
    const lock = this.#keys.of(digest([space.id, wall, "renewal"]));
    const isOurs = await this.#connection.command("write", undefined, "set", lock, "1", "PX", RENEWAL_MS, "NX");
    if (isOurs === null) return;
    try {
      const taken = await TAKE_ALL.run(this.#connection, "delete", { key, args: [] }, undefined);
      const ids = Array.isArray(taken) ? taken.map(String) : [];
      for (const some of inSteps(ids, ADDED_TOGETHER)) {
        const entries = await this.#stored.placements(space, some);
        await this.#add(
          space,
          entries.filter((entry) => entry.wall === wall),
          undefined,
        );
        await this.#connection.command("write", undefined, "pexpire", lock, RENEWAL_MS);
      }
    } finally {
      await this.#connection.command("delete", undefined, "unlink", lock);
    }
  }

  async #elements(space: VectorSpace, wall: string, count: number): Promise<readonly string[]> {
    const reply = await this.#connection.command("search", undefined, "vrandmember", this.#keyOf(space, wall), count);
    return Array.isArray(reply) ? reply.map(String) : [];
  }
}

/** Scores are (1 + cosine) / 2: the sets keep vectors in eight bits a number. */
function nearOf(reply: unknown): readonly Near[] {
  if (!Array.isArray(reply)) return [];
  const near: Near[] = [];
  for (let at = 0; at + 1 < reply.length; at += 2) {
    const cosine = 2 * Number(String(reply[at + 1])) - 1;
    near.push({ id: String(reply[at]), similarity: cosine > 0 ? Math.min(1, cosine) : 0 });
  }
  return near;
}
