import type { Entry } from "@llmcache/core";
import { cosine } from "@llmcache/similarity";
import type { Near, VectorEngine } from "./engine.ts";
import { vectorOf, type VectorSpace } from "./layout.ts";
import type { Rejected, StoredHash } from "./payloads.ts";

/** An engine is wrong by no more than that: what it puts below the threshold may be above it. */
const ERROR = 0.02;
/** Beside those that are wanted: the request's own, and what is left of entries that ended. */
const SPARE = 4;
/** Elements without an entry may hide others. */
const MOST_ROUNDS = 5;
const MOST_AT_ONCE = 1000;

/** What a search is about, and who does its parts. */
export interface Search {
  readonly engine: VectorEngine;
  readonly space: VectorSpace;
  readonly wall: string;
  readonly vector: Float32Array;
  /** Id of the request. */
  readonly own: string;
  /** Least similarity, inclusive. */
  readonly least: number;
  /** Candidates, at most. */
  readonly most: number;
  readonly signal: AbortSignal | undefined;
  read(ids: readonly string[]): Promise<readonly StoredHash[]>;
  /** `undefined` for what is no entry from behind the wall. */
  decode(id: string, hash: StoredHash): Entry | undefined;
}

/** An entry near the request. */
export interface Candidate {
  readonly entry: Entry;
  /** Exact: from the vector that is stored beside the entry. */
  readonly similarity: number;
  readonly vector: Float32Array;
  readonly rejected: Rejected;
}

/**
 * The candidates of one search, the nearest first: those that the engine finds, compared again with the vectors stored beside the
 * entries. So the similarity is the same with every engine, and belongs to the text it is told of. What has no entry any more is passed over, and the
 * engine is told.
 */
export class Candidates {
  readonly #search: Search;
  readonly #seen: Set<string> = new Set<string>();
  readonly #orphans: string[] = [];
  #given = 0;

  constructor(search: Search) {
    this.#search = search;
    this.#seen.add(search.own);
  }

  async *each(): AsyncGenerator<Candidate> {
    const { engine, space, wall } = this.#search;
    try {
      yield* this.#rounds();
    } finally {
      // Not before: the engine may do something about it.
      if (this.#orphans.length > 0) engine.forget(space, wall, this.#orphans);
    }
  }

  async *#rounds(): AsyncGenerator<Candidate> {
    const { engine, space, wall, vector, most, signal } = this.#search;
    let count = most + SPARE;
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const found = await engine.nearest(space, wall, vector, count, signal);
      const near = found.filter(({ id, similarity }) => !this.#seen.has(id) && this.#isNear(similarity));
      for (const wave of waves(near)) {
        for (const candidate of await this.#read(wave)) {
          if (this.#given++ >= most) return;
          yield candidate;
        }
        if (this.#given >= most) return;
      }
      const last = found.at(-1);
      if (found.length < count || last === undefined || !this.#isNear(last.similarity)) return;
      count = Math.min(count * 4, MOST_AT_ONCE);
    }
  }

  #isNear(similarity: number): boolean {
    return similarity >= this.#search.least - ERROR;
  }

  async #read(wave: readonly Near[]): Promise<readonly Candidate[]> {
    const search = this.#search;
    const { space, vector, own, least } = search;
    const ids = wave.map(({ id }) => id);
    const hashes = await search.read(ids);
    const candidates: Candidate[] = [];
    for (const [index, hash] of hashes.entries()) {
      const id = ids[index] as string;
      this.#seen.add(id);
      const entry = search.decode(id, hash);
      const stored = vectorOf(hash.vector, space.dimensions);
      if (entry?.text === undefined || stored === undefined) {
        this.#orphans.push(id);
        continue;
      }
      const { rejected } = hash;
      if (rejected === "all" || rejected.includes(own)) continue;
      const similarity = cosine(vector, stored);
      if (similarity >= least) candidates.push({ entry, similarity, vector: stored, rejected });
    }
    return candidates.sort((a, b) => b.similarity - a.similarity);
  }
}

/** First what may be the nearest, given the engine's error; then the rest: most searches end with the first. */
function waves(near: readonly Near[]): readonly (readonly Near[])[] {
  const [first] = near;
  if (first === undefined) return [];
  const top = near.filter(({ similarity }) => similarity >= first.similarity - ERROR);
  return [top, near.slice(top.length)].filter((wave) => wave.length > 0);
}
