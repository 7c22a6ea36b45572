import type { KeyvAdapter, KeyvAdapterEntry } from "./keyv-shape.ts";

/** How {@link LateAdapter} comes to its adapter. */
export interface LateStart {
  /** Makes an adapter that nobody else has; it may throw. */
  make(): KeyvAdapter;
  readonly namespace: string | undefined;
  readonly canList: boolean;
}

/** Never stored. Asking for it shows whether the backend answers, once its table is there. */
const PROBE = "llmcache-probe";
const noop = (): void => undefined;

/**
 * An adapter that is made with the first call. After a failure the next call looks whether it still works, and makes another
 * if it does not: adapters connect and make their tables once, when they are made, and one that found its server down then is
 * of no use any more.
 */
export class LateAdapter implements KeyvAdapter {
  readonly capabilities = { expires: true } as const;
  readonly namespace: string | undefined;
  readonly iterator?: () => AsyncGenerator;
  readonly #start: LateStart;
  readonly #listeners: Set<(error: unknown) => void> = new Set<(error: unknown) => void>();
  /** The one that calls go to; none before the first call and after a failure. */
  #started: Promise<KeyvAdapter> | undefined;
  /** The one that was in use before the failure. */
  #doubted: KeyvAdapter | undefined;
  #inUse: KeyvAdapter | undefined;

  constructor(start: LateStart) {
    this.#start = start;
    this.namespace = start.namespace;
    if (start.canList) this.iterator = () => this.#iterate();
  }

  get(key: string): Promise<unknown> {
    return this.#with((adapter) => adapter.get(key));
  }

  getMany(keys: string[]): Promise<unknown> {
    return this.#with(async (adapter) => adapter.getMany?.(keys));
  }

  set(key: string, value: unknown, expires?: number): Promise<unknown> {
    return this.#with((adapter) => adapter.set(key, value, expires));
  }

  setMany(entries: KeyvAdapterEntry[]): Promise<unknown> {
    return this.#with(
      async (adapter) =>
        adapter.setMany?.(entries) ??
        Promise.all(entries.map(({ key, value, expires }) => adapter.set(key, value, expires))),
    );
  }

  delete(key: string): Promise<unknown> {
    return this.#with((adapter) => adapter.delete(key));
  }

  deleteMany(keys: string[]): Promise<unknown> {
    return this.#with(
      async (adapter) => adapter.deleteMany?.(keys) ?? Promise.all(keys.map((key) => adapter.delete(key))),
    );
  }

  clear(): Promise<unknown> {
    return this.#with((adapter) => adapter.clear());
  }

  async disconnect(): Promise<void> {
    const adapter = (await this.#started?.catch(noop)) ?? this.#doubted;
    this.#started = undefined;
    this.#doubted = undefined;
    await adapter?.disconnect?.();
  }

  on(event: string, listener: (error: unknown) => void): void {
    if (event === "error") this.#listeners.add(listener);
  }

  off(_event: string, listener: (error: unknown) => void): void {
    this.#listeners.delete(listener);
  }

  async *#iterate(): AsyncGenerator {
    const adapter = await this.#ready();
    if (adapter.iterator !== undefined) yield* adapter.iterator();
  }

  async #with<T>(work: (adapter: KeyvAdapter) => Promise<T>): Promise<T> {
    const adapter = await this.#ready();
    try {
      return await work(adapter);
    } catch (error) {
      this.#doubt(adapter);
      throw error;
    }
  }

  #ready(): Promise<KeyvAdapter> {
    if (this.#started === undefined) {
      const started = this.#begin();
      this.#started = started;
      started.catch(() => {
        if (this.#started === started) this.#started = undefined;
      });
    }
    return this.#started;
  }

  #doubt(adapter: KeyvAdapter): void {
    if (this.#inUse !== adapter) return;
    this.#inUse = undefined;
    this.#doubted = adapter;
    this.#started = undefined;
  }

  async #begin(): Promise<KeyvAdapter> {
    const former = this.#doubted;
    this.#doubted = undefined;
    this.#inUse = (former && (await works(former))) ?? (await this.#make());
    return this.#inUse;
  }

  async #make(): Promise<KeyvAdapter> {
    const adapter = this.#start.make();
    let first: unknown;
    adapter.on?.("error", (error) => {
      first ??= error;
      this.#doubt(adapter);
      for (const listener of this.#listeners) listener(error);
    });
    try {
      await adapter.get(PROBE);
      return adapter;
    } catch (error) {
      leave(adapter);
      // What went wrong first says more: that a table is missing follows from it.
      throw first ?? error;
    }
  }
}

async function works(adapter: KeyvAdapter): Promise<KeyvAdapter | undefined> {
  try {
    await adapter.get(PROBE);
    return adapter;
  } catch {
    leave(adapter);
    return undefined;
  }
}

function leave(adapter: KeyvAdapter): void {
  adapter.disconnect?.().catch(noop);
}
