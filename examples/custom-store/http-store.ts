/**
 * A store of one's own: entries in a key-value service that speaks HTTP. It finds bytes by an id, puts bytes under an id, and puts
 * them there only if nobody else was quicker (`add`). What may be served, and what a failure means, is the cache's business.
 */
import { decodeEntry, encodeEntry, LLMCacheError, mayReplace } from "@llmcache/core";
import type { CacheKey, Entry, Store, StoreAddOptions, StoreCallOptions, StoreHit } from "@llmcache/core";

/** Keeps each entry under `<base>/<id>`. Every operation may take a signal, and throws when it fails. */
export class HttpStore implements Store {
  readonly contract = 1;
  readonly name = "http";
  readonly match = "exact"; // It looks at ids alone.
  readonly expiry = "native"; // The service drops what has expired.
  readonly #base: string;

  constructor(base: string) {
    this.#base = base.replace(/\/$/, "");
  }

  async get(key: CacheKey, options?: StoreCallOptions): Promise<StoreHit | undefined> {
    return (await this.#find(key.id, options))?.hit;
  }

  async set(entry: Entry, options?: StoreCallOptions): Promise<void> {
    await this.#put(entry, undefined, options);
  }

  /** Atomic, between processes too: the service compares the ETag at the moment of writing. */
  async add(entry: Entry, options?: StoreAddOptions): Promise<boolean> {
    for (;;) {
      const there = await this.#find(entry.id, options);
      if (there?.hit !== undefined && !mayReplace(there.hit.entry, entry, options?.over)) return false;
      const unchanged = there === undefined ? { "if-none-match": "*" } : { "if-match": there.etag };
      if (await this.#put(entry, unchanged, options)) return true;
      // Somebody was quicker, or what was there has expired meanwhile: look again.
    }
  }

  async delete(key: Pick<CacheKey, "id">, options?: StoreCallOptions): Promise<void> {
    await this.#ask("DELETE", `/${key.id}`, 404, options);
  }

  /** What is below the base, and nothing else. */
  async clear(options?: StoreCallOptions): Promise<void> {
    await this.#ask("DELETE", "/", 404, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {} // A store that opened a connection would close it here.

  /** What is there; without a hit if it is damaged or not an entry of this id, which is no error: the cache asks anew. */
  async #find(
    id: string,
    options?: StoreCallOptions,
  ): Promise<{ readonly hit?: StoreHit; readonly etag: string } | undefined> {
    const response = await this.#ask("GET", `/${id}`, 404, options);
    if (response.status === 404) return undefined;
    const entry = decodeEntry(new Uint8Array(await response.arrayBuffer()), { id });
    return { etag: response.headers.get("etag") ?? "", ...(entry && { hit: { entry } }) };
  }

  async #put(entry: Entry, condition: object | undefined, options?: StoreCallOptions): Promise<boolean> {
    const expires = entry.deleteAt === undefined ? {} : { expires: new Date(entry.deleteAt).toUTCString() };
    const response = await this.#ask("PUT", `/${entry.id}`, condition && 412, options, {
      headers: { ...condition, ...expires },
      body: new Uint8Array(encodeEntry(entry)),
    });
    return response.status !== 412;
  }

  /** The answer, if it is a good one or the `expected` other one. */
  async #ask(method: string, path: string, expected?: number, options?: StoreCallOptions, init?: RequestInit) {
    const response = await fetch(this.#base + path, { method, signal: options?.signal ?? null, ...init });
    if (response.ok || response.status === expected) return response;
    const problem = `${method} ${this.#base}${path}: ${response.status} ${await response.text()}`;
    throw new LLMCacheError("ERR_LLMCACHE_STORE", `The http store failed: ${problem}`);
  }
}
