import { LLMCacheError, orAborted } from "@llmcache/core";
import { ErrorWatch, type Heard } from "./error-watch.ts";
import type { KeyvAdapterEntry } from "./keyv-shape.ts";
import type { KeyvSettings } from "./options.ts";
import { before } from "./deadline.ts";

/** From then on "never" is meant, and many databases know no later date. */
const LAST_EXPIRY = Date.UTC(9999, 0);
const ID = /^[0-9a-f]{64}$/;
const DELETED_KEYS = 500;

/** A text to be stored; without one, what is there goes. */
export interface TextRecord {
  readonly id: string;
  readonly text: string | undefined;
  /** Milliseconds since the epoch. */
  readonly deleteAt: number | undefined;
}

/** What adapters are asked for, for messages. */
export type Operation = "read" | "write" | "delete" | "clear" | "list" | "close";

/**
 * The adapter as texts under ids. However an adapter tells that it failed, and if it tells nothing at all, it becomes a
 * rejection with LLMCacheError `ERR_LLMCACHE_STORE` that says why.
 */
export class Records {
  readonly #settings: KeyvSettings;
  readonly #watch: ErrorWatch;

  constructor(settings: KeyvSettings) {
    this.#settings = settings;
    this.#watch = new ErrorWatch(settings.adapter);
  }

  /** What is under an id: a text, nothing, or what is no text and none of ours. */
  async get(id: string): Promise<unknown> {
    return this.#unwrap(await this.#settings.adapter.get(this.#keyOf(id)));
  }

  /** The same for several, in their order. */
  async getMany(ids: readonly string[]): Promise<readonly unknown[]> {
    const { adapter } = this.#settings;
    const keys = ids.map((id) => this.#keyOf(id));
    const found = await adapter.getMany?.(keys);
    const stored =
      Array.isArray(found) && found.length === keys.length
        ? found
        : await Promise.all(keys.map((key) => adapter.get(key)));
    return Promise.all(stored.map((one) => this.#unwrap(one)));
  }

  /** To be used in {@link heeding}. */
  async set(record: TextRecord, heard: Heard): Promise<void> {
    await this.setMany([record], heard);
  }

  /** To be used in {@link heeding}. No id may stand twice: databases refuse to write a row twice in one statement. */
  async setMany(records: readonly TextRecord[], heard: Heard): Promise<void> {
    const { adapter } = this.#settings;
    const entries: KeyvAdapterEntry[] = [];
    for (const { id, text, deleteAt } of records) {
      if (text === undefined) await this.delete(id, heard);
      else entries.push(await this.#entry(id, text, deleteAt));
    }
    const [first] = entries;
    if (first === undefined) return;
    if (entries.length > 1 && adapter.setMany !== undefined) requireDone(await adapter.setMany(entries), heard);
    else
      requireDone(await Promise.all(entries.map(({ key, value, expires }) => adapter.set(key, value, expires))), heard);
  }

  /** To be used in {@link heeding}. */
  async delete(id: string, heard: Heard): Promise<void> {
    requireGone(await this.#settings.adapter.delete(this.#keyOf(id)), heard);
  }

  /** Everything in the adapter's namespace. */
  async clear(): Promise<void> {
    await this.heeding("clear", async (heard) => requireDone(await this.#settings.adapter.clear(), heard));
  }

  /** Everything under the prefix. */
  async deleteAll(signal: AbortSignal | undefined): Promise<void> {
    const { adapter } = this.#settings;
    const keys = (await this.ids(signal)).map((id) => this.#keyOf(id));
    for (let at = 0; at < keys.length; at += DELETED_KEYS) {
      signal?.throwIfAborted();
      const some = keys.slice(at, at + DELETED_KEYS);
      await this.heeding("clear", async (heard) => {
        requireGone(await (adapter.deleteMany?.(some) ?? Promise.all(some.map((key) => adapter.delete(key)))), heard);
      });
    }
  }

  /** Every id under the prefix. Whatever else is there does not count: a key of ours is the prefix and 64 hex digits. */
  async ids(signal: AbortSignal | undefined): Promise<string[]> {
    const { adapter, prefix } = this.#settings;
    return this.#watch.during(async (heard) => {
      const ids = new Set<string>();
      const keys = adapter.iterator?.()[Symbol.asyncIterator]();
      if (keys === undefined) return [];
      const next = (): Promise<IteratorResult<unknown>> => this.ask("list", signal, () => keys.next());
      try {
        for (let item = await next(); item.done !== true; item = await next()) {
          const key: unknown = Array.isArray(item.value) ? item.value[0] : undefined;
          if (typeof key !== "string" || !key.startsWith(prefix)) continue;
          const id = key.slice(prefix.length);
          if (ID.test(id)) ids.add(id);
        }
      } finally {
        // Not waited for: one that hangs would hang the caller, too.
        keys.return?.().catch(() => undefined);
      }
      // Adapters end their list when a query fails.
      if (heard() !== undefined) throw failed("list", heard());
      return [...ids];
    });
  }

  async disconnect(): Promise<void> {
    await this.ask("close", undefined, async () => this.#settings.adapter.disconnect?.());
  }

  /** Work that may fail without throwing: `heard` gives what the adapter told meanwhile. */
  async heeding<T>(operation: Operation, work: (heard: Heard) => Promise<T>): Promise<T> {
    return this.#watch.during((heard) => this.ask(operation, undefined, () => work(heard)));
  }

  async ask<T>(operation: Operation, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    const { timeoutMs } = this.#settings;
    signal?.throwIfAborted();
    const answer = async (): Promise<T> => {
      try {
        return await work();
      } catch (error) {
        throw failed(operation, error);
      }
    };
    return before(orAborted(answer(), signal), timeoutMs, () =>
      storeError(operation, `the adapter did not answer within ${timeoutMs} ms (timeoutMs)`),
    );
  }

  #keyOf(id: string): string {
    return this.#settings.prefix + id;
  }

  async #entry(id: string, text: string, deleteAt: number | undefined): Promise<KeyvAdapterEntry> {
    const { keyv } = this.#settings;
    const expires = expiryOf(deleteAt, keyv?.ttl);
    const value = keyv === undefined ? text : await keyv.encode({ value: text, expires });
    return { key: this.#keyOf(id), value, ...(expires === undefined ? {} : { expires }) };
  }

  /** What the adapter gave, without what the Keyv put around it. */
  async #unwrap(stored: unknown): Promise<unknown> {
    const { keyv } = this.#settings;
    if (stored === undefined || stored === null || keyv === undefined) return stored;
    try {
      const data = typeof stored === "string" ? await keyv.decode(stored) : stored;
      return data === undefined ? UNREADABLE : (data as { readonly value?: unknown }).value;
    } catch {
      return UNREADABLE;
    }
  }
}

/** Adapters tell a write that failed by `false`, and what went wrong by an event at most. */
function requireDone(result: unknown, heard: Heard): void {
  if (!saysNo(result)) return;
  throw heard() ?? new Error("the adapter says no more than that it failed");
}

/** Of a delete, `false` alone says that nothing was there. */
function requireGone(result: unknown, heard: Heard): void {
  const error = saysNo(result) ? heard() : undefined;
  if (error !== undefined) throw error;
}

function saysNo(result: unknown): boolean {
  return result === false || (Array.isArray(result) && result.includes(false));
}

/** Stands for what is there and cannot be read; no text. */
const UNREADABLE = Symbol("unreadable");

/** When the backend may drop it: ms since the epoch. Without an end of its own it has the default lifetime of the Keyv. */
function expiryOf(deleteAt: number | undefined, ttl: number | undefined): number | undefined {
  const at = deleteAt ?? (ttl !== undefined && ttl > 0 ? Date.now() + ttl : undefined);
  return at === undefined || Number.isNaN(at) || at >= LAST_EXPIRY ? undefined : Math.ceil(at);
}

function failed(operation: Operation, error: unknown): unknown {
  return error instanceof LLMCacheError ? error : storeError(operation, reasonOf(error), error);
}

function storeError(operation: Operation, reason: string, cause?: unknown): LLMCacheError {
  return new LLMCacheError(
    "ERR_LLMCACHE_STORE",
    `The keyv store could not ${operation}: ${reason}.`,
    cause === undefined ? {} : { cause },
  );
}

/** Errors of connections may have several causes and no message of their own. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { errors } = error as { readonly errors?: readonly unknown[] };
  const reason =
    error.message !== ""
      ? error.message
      : Array.isArray(errors) && errors.length > 0
        ? reasonOf(errors[0])
        : error.name;
  return reason.replace(/\.$/, "");
}
