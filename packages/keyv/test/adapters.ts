import type { KeyvAdapter, KeyvAdapterEntry } from "@llmcache/keyv";

/** An adapter of Keyv 6 on a Map, of which each test replaces what it is about. */
export class PlainAdapter implements KeyvAdapter {
  readonly capabilities = { expires: true };
  namespace: string | undefined;
  readonly rows: Map<string, { value: unknown; expires: number | undefined }> = new Map();
  readonly listeners: Set<(error: unknown) => void> = new Set();
  disconnects = 0;

  async get(key: string): Promise<unknown> {
    return this.rows.get(key)?.value;
  }

  async set(key: string, value: unknown, expires?: number): Promise<unknown> {
    this.rows.set(key, { value, expires });
    return true;
  }

  async setMany(entries: KeyvAdapterEntry[]): Promise<unknown> {
    return Promise.all(entries.map(({ key, value, expires }) => this.set(key, value, expires)));
  }

  async delete(key: string): Promise<unknown> {
    return this.rows.delete(key);
  }

  async clear(): Promise<unknown> {
    return this.rows.clear();
  }

  async *iterator(): AsyncGenerator {
    for (const [key, { value }] of this.rows) yield [key, value];
  }

  async disconnect(): Promise<void> {
    this.disconnects++;
  }

  on(_event: string, listener: (error: unknown) => void): void {
    this.listeners.add(listener);
  }

  off(_event: string, listener: (error: unknown) => void): void {
    this.listeners.delete(listener);
  }

  tell(error: unknown): void {
    for (const listener of this.listeners) listener(error);
  }
}

/** An adapter of Keyv 5: lifetimes are relative, there is no iterator, and `clear` knows no namespaces. */
export class FormerAdapter {
  readonly rows: Map<string, unknown> = new Map();
  readonly lifetimes: (number | undefined)[] = [];

  async get(key: string): Promise<unknown> {
    return this.rows.get(key);
  }

  async set(key: string, value: unknown, ttl?: number): Promise<void> {
    this.rows.set(key, value);
    this.lifetimes.push(ttl);
  }

  async delete(key: string): Promise<boolean> {
    return this.rows.delete(key);
  }

  async clear(): Promise<void> {
    this.rows.clear();
  }
}
