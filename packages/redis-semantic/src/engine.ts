import { LLMCacheError } from "@llmcache/core";
import { isRefusedCommand, isReply, type Connection, type Keys } from "@llmcache/redis/internal";
import type { VectorSpace } from "./layout.ts";
import { SearchIndexes } from "./search-indexes.ts";
import { VectorSets } from "./vector-sets.ts";

/** What is near a vector, as the engine sees it. */
export interface Near {
  readonly id: string;
  /** Cosine, clamped to [0, 1], to about 0.01. */
  readonly similarity: number;
}

/** A vector that is to be found. */
export interface Placement {
  readonly id: string;
  readonly wall: string;
  readonly vector: Float32Array;
  /** When its entry ends: ms since the epoch. */
  readonly deleteAt: number | undefined;
}

/** Finds vectors behind one wall. What it finds may be gone, or be another text's by now: the entry says. */
export interface VectorEngine {
  /** The nearest first. */
  nearest(
    space: VectorSpace,
    wall: string,
    vector: Float32Array,
    count: number,
    signal: AbortSignal | undefined,
  ): Promise<readonly Near[]>;
  /** After their entries were written. */
  place(space: VectorSpace, placements: readonly Placement[], signal: AbortSignal | undefined): Promise<void>;
  /** These were met, and have no entry any more. */
  forget(space: VectorSpace, wall: string, ids: readonly string[]): void;
}

/** Keys of the two kinds that a store has. */
export interface SemanticKeys {
  readonly entries: Keys;
  readonly vectors: Keys;
}

/** What the entries say, which are the truth. */
export interface StoredVectors {
  /** Which of these are there? */
  arePresent(ids: readonly string[]): Promise<readonly boolean[]>;
  /** Of those that are there and have a vector: in the order of the ids. */
  placements(space: VectorSpace, ids: readonly string[]): Promise<readonly Placement[]>;
}

/** The engine of a server, which is asked what it can do with the first call that needs it; again, if it could not be asked. */
export class Engines {
  readonly #connection: Connection;
  readonly #wanted: "auto" | "vector-sets" | "search";
  readonly #sets: VectorSets;
  readonly #indexes: SearchIndexes;
  #found: Promise<VectorEngine> | undefined;

  constructor(
    connection: Connection,
    keys: SemanticKeys,
    prefix: string,
    wanted: "auto" | "vector-sets" | "search",
    stored: StoredVectors,
  ) {
    this.#connection = connection;
    this.#wanted = wanted;
    this.#sets = new VectorSets(connection, keys.vectors, stored);
    this.#indexes = new SearchIndexes(connection, keys.entries, prefix);
  }

  /** Rejects with `ERR_LLMCACHE_UNSUPPORTED` where the server has none, and says what to run. */
  async get(signal: AbortSignal | undefined): Promise<VectorEngine> {
    if (this.#wanted === "vector-sets") return this.#sets;
    if (this.#wanted === "search") return this.#indexes;
    // Not under the signal of one caller: others wait for the same answer.
    this.#found ??= this.#ask().catch((error: unknown) => {
      this.#found = undefined;
      throw error;
    });
    const engine = await this.#found;
    signal?.throwIfAborted();
    return engine;
  }

  /** Waits for what goes on in the background, no longer than that many ms. */
  async close(mostMs: number): Promise<void> {
    await this.#sets.close(mostMs);
  }

  async #ask(): Promise<VectorEngine> {
    const [hasSets, hasSearch] = await this.#has(["vsim", "ft.search"]);
    if (hasSets === true) return this.#sets;
    if (hasSearch === true) return this.#indexes;
    throw new LLMCacheError(
      "ERR_LLMCACHE_UNSUPPORTED",
      `${this.#connection.where} can search no vectors, having neither vector sets (VSIM) nor search (FT.SEARCH): ` +
        "run Redis 8 or later, Redis Stack, or Valkey with valkey-search. Without these, take @llmcache/memory-semantic.",
    );
  }

  async #has(commands: readonly string[]): Promise<readonly boolean[]> {
    const what = "tell which commands it has";
    let reply: unknown;
    try {
      reply = await this.#connection.run(what, undefined, (client) => client.call("command", "INFO", ...commands));
    } catch (error) {
      if (!isReply(error) || !isRefusedCommand(error)) throw this.#connection.failure(what, error);
      // Who may not ask may have them nevertheless.
      return commands.map(() => true);
    }
    return commands.map((_, index) => {
      const known = (reply as readonly unknown[])[index];
      return Array.isArray(known) && known.length > 0;
    });
  }
}
