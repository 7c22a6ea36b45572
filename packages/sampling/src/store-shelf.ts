import { isLLMCacheError, LLMCacheError, staleness, type Entry, type Store, type StoreHit } from "@llmcache/core";
import type { Drawn } from "./layer.ts";
import { takeLease } from "./lease.ts";
import { sampleId, type Prompt } from "./prompt.ts";
import type { LeaseAttempt, Prepared, Shelf, Shelved } from "./shelf.ts";

/** Options of {@link StoreShelf}. */
export interface StoreShelfOptions {
  /** 0: no leases. */
  readonly leaseMs: number;
  readonly clock: () => number;
}

const ANY_AGE = { sMaxAgeMs: undefined };

/** Samples as entries of a store: sample k is the entry of the request with `sample: k`. */
export class StoreShelf implements Shelf {
  readonly name: string;
  readonly readMany: Shelf["readMany"];
  readonly lease: Shelf["lease"];
  readonly #store: Store;
  readonly #clock: () => number;

  constructor(store: Store, { leaseMs, clock }: StoreShelfOptions) {
    this.#store = store;
    this.#clock = clock;
    this.name = `${store.name} store`;
    this.readMany = store.getMany === undefined ? undefined : this.#readMany.bind(this);
    this.lease = leaseMs === 0 ? undefined : (prompt, position) => this.#lease(prompt, position, leaseMs);
  }

  check(): void {
    // Whatever has an id can be kept.
  }

  async read(prompt: Prompt, position: number, signal: AbortSignal | undefined): Promise<Shelved | undefined> {
    const id = sampleId(prompt, position);
    return this.#usable(await this.#call("read", signal, () => this.#store.get({ id }, { signal })), id);
  }

  prepare(prompt: Prompt, position: number, { body, metadata, createdAt = this.#clock() }: Drawn): Prepared {
    const { operation, provider, model, namespace } = prompt.request;
    const { sample: _position, ...facts } = metadata;
    const kept: Entry = {
      id: sampleId(prompt, position),
      createdAt,
      metadata: {
        operation,
        ...(provider === undefined ? {} : { provider }),
        ...(model === undefined ? {} : { model }),
        ...(namespace === undefined ? {} : { namespace: pathOf(namespace) }),
        ...facts,
        ...(position === 0 ? {} : { sample: position }),
      },
      body,
    };
    return {
      kept,
      add: () => this.#call("write", undefined, () => this.#add(kept)),
      // A write that failed, or was sent twice, may have arrived.
      is: (there) => there.createdAt === createdAt && JSON.stringify(there.body.json()) === JSON.stringify(body.json()),
    };
  }

  /** In the place of what is there and cannot be used: expired, of another kind, damaged. */
  async #add(entry: Entry): Promise<boolean> {
    if (await this.#store.add(entry)) return true;
    const there = await this.#store.get({ id: entry.id });
    if (there === undefined || this.#usable(there, entry.id) !== undefined) return false;
    return this.#store.add(entry, { over: there.entry });
  }

  async #readMany(
    prompt: Prompt,
    positions: readonly number[],
    signal: AbortSignal | undefined,
  ): Promise<readonly (Shelved | undefined)[]> {
    const keys = positions.map((position) => ({ id: sampleId(prompt, position) }));
    const hits = await this.#call("read", signal, async () => this.#store.getMany?.(keys, { signal }));
    return keys.map(({ id }, index) => this.#usable(hits?.[index], id));
  }

  async #lease(prompt: Prompt, position: number, leaseMs: number): Promise<LeaseAttempt> {
    return this.#call("write", undefined, () =>
      takeLease(this.#store, sampleId(prompt, position), leaseMs, this.#clock),
    );
  }

  #usable(hit: StoreHit | undefined, id: string): Entry | undefined {
    if (hit === undefined || hit.entry.id !== id || hit.entry.body.kind !== "json") return undefined;
    const { entry } = hit;
    if (staleness(entry, ANY_AGE, this.#clock()) !== undefined) return undefined;
    try {
      // Bytes are looked at now, while something can be done about them.
      const body = entry.body.asValue();
      return body === entry.body ? entry : { ...entry, body };
    } catch {
      return undefined;
    }
  }

  /** Whatever a store throws is one error here, but for the caller's own abort. */
  async #call<T>(what: string, signal: AbortSignal | undefined, call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      if (signal?.aborted === true || isLLMCacheError(error, "ERR_LLMCACHE_STORE")) throw error;
      const message = error instanceof Error ? error.message : String(error);
      throw new LLMCacheError("ERR_LLMCACHE_STORE", `The ${this.name} failed to ${what} a sample: ${message}`, {
        cause: error,
      });
    }
  }
}

/** For people: names as a path, slashes in them escaped. */
function pathOf(namespace: string | readonly string[]): string {
  return [namespace]
    .flat()
    .map((name) => name.replaceAll("/", "%2F"))
    .join("/");
}
