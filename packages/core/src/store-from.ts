import type { Entry } from "./entry.ts";
import { LLMCacheError } from "./errors.ts";
import { decodeEntry, encodeEntry } from "./frame.ts";
import type { CacheKey } from "./key.ts";
import { mayReplace } from "./map-store.ts";
import type { Store, StoreAddOptions, StoreHit } from "./store.ts";

/** Two functions (and what else there is) over some key-value backend; ids are 64 hex digits, values are opaque bytes. */
export interface StoreFunctions {
  /** For messages. @default "custom" */
  readonly name?: string;
  get(id: string): Promise<Uint8Array | undefined | null> | Uint8Array | undefined | null;
  /** `deleteAt` (ms since the epoch): from then on the value may be dropped. */
  set(id: string, bytes: Uint8Array, info: { readonly deleteAt: number | undefined }): Promise<unknown> | unknown;
  delete?(id: string): Promise<unknown> | unknown;
  clear?(): Promise<unknown> | unknown;
  close?(): Promise<unknown> | unknown;
}

/**
 * A store of a `get` and a `set`. `add` reads and then writes, one at a time for each id in this process: between processes it is not atomic.
 * Without `delete`, an entry is overwritten with nothing; without `clear`, clearing throws `ERR_LLMCACHE_UNSUPPORTED`.
 */
export function storeFrom(functions: StoreFunctions): Store {
  return new FunctionStore(functions);
}

const NOTHING = new Uint8Array(0);
const noop = (): void => undefined;

class FunctionStore implements Store {
  readonly contract = 1;
  readonly name: string;
  readonly match = "exact";
  readonly expiry = "swept";
  readonly #functions: StoreFunctions;
  /** The last `add` under way for each id. */
  readonly #adding: Map<string, Promise<unknown>> = new Map<string, Promise<unknown>>();

  constructor(functions: StoreFunctions) {
    for (const name of ["get", "set"] as const) {
      if (typeof functions[name] !== "function")
        throw new LLMCacheError("ERR_LLMCACHE_OPTION", `storeFrom: ${name} must be a function.`);
    }
    this.#functions = functions;
    this.name = functions.name ?? "custom";
  }

  async get(key: Pick<CacheKey, "id">): Promise<StoreHit | undefined> {
    const bytes = await this.#functions.get(key.id);
    if (!bytes) return undefined;
    const entry = decodeEntry(bytes, { id: key.id });
    return entry === undefined ? undefined : { entry };
  }

  async set(entry: Entry): Promise<void> {
    await this.#functions.set(entry.id, encodeEntry(entry), { deleteAt: entry.deleteAt });
  }

  async add(entry: Entry, options: StoreAddOptions = {}): Promise<boolean> {
    const { id } = entry;
    const added = (this.#adding.get(id) ?? Promise.resolve()).then(async () => {
      options.signal?.throwIfAborted();
      const there = await this.get(entry);
      if (there !== undefined && !mayReplace(there.entry, entry, options.over)) return false;
      await this.set(entry);
      return true;
    });
    const settled = added.then(noop, noop).then(() => {
      if (this.#adding.get(id) === settled) this.#adding.delete(id);
    });
    this.#adding.set(id, settled);
    return added;
  }

  async delete(key: Pick<CacheKey, "id">): Promise<void> {
    if (this.#functions.delete !== undefined) await this.#functions.delete(key.id);
    else await this.#functions.set(key.id, NOTHING, { deleteAt: 0 });
  }

  async clear(): Promise<void> {
    if (this.#functions.clear === undefined) {
      throw new LLMCacheError(
        "ERR_LLMCACHE_UNSUPPORTED",
        `The ${this.name} store was made without clear: give storeFrom a clear function.`,
      );
    }
    await this.#functions.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#functions.close?.();
  }
}
