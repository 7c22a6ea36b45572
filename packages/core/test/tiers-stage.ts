import {
  MapStore,
  type CacheKey,
  type EntriesOptions,
  type Entry,
  type ListedEntry,
  type Store,
  type StoreCallOptions,
  type StoreEvent,
  type StoreHit,
} from "@llmcache/core";
import { sampleEntry, sampleId, type SampleOverrides } from "@llmcache/core/conformance";

/** What a test works on: an entry called by a name, made at an instant. */
export function entryOf(name: string, createdAt = 1000, overrides: SampleOverrides = {}): Entry {
  return sampleEntry({ id: sampleId(name), createdAt, value: `${name} of ${createdAt}`, ...overrides });
}

export const keyOf = (name: string): CacheKey => ({ id: sampleId(name) });

/** What a store holds under that name, without counting as a call to a store around it. */
export async function valueIn(store: Store, name: string): Promise<unknown> {
  return (await store.get(keyOf(name)))?.entry.body.json();
}

/** What a store lists; nothing if it cannot. */
export async function listOf(store: Store, options?: EntriesOptions): Promise<ListedEntry[]> {
  const listed: ListedEntry[] = [];
  for await (const one of store.entries?.(options) ?? []) listed.push(one);
  return listed;
}

/** Everything a store tells. */
export function eventsOf(store: Store): StoreEvent[] {
  const events: StoreEvent[] = [];
  store.on?.((event) => events.push(event));
  return events;
}

/** A store in which texts of one scope with the same first word are similar. */
export class SimilarStore implements Store {
  readonly contract = 1;
  readonly name = "similar";
  readonly match = "similar";
  readonly expiry = "swept";
  readonly asked: CacheKey[] = [];
  readonly #inner: MapStore = new MapStore();

  async get(key: CacheKey, options?: StoreCallOptions): Promise<StoreHit | undefined> {
    this.asked.push(key);
    const exact = await this.#inner.get(key);
    if (exact !== undefined || key.text === undefined) return exact;
    for await (const { head, body } of this.#inner.entries({ bodies: true })) {
      const isSimilar = head.scope === key.scope && head.text?.split(" ")[0] === key.text.split(" ")[0];
      if (!isSimilar || body === undefined) continue;
      const hit = { entry: { ...head, body }, similarity: 0.9 };
      if ((await options?.accept?.(hit, key)) !== false) return hit;
    }
    return undefined;
  }

  set(entry: Entry): Promise<void> {
    return this.#inner.set(entry);
  }

  add(...args: Parameters<Store["add"]>): Promise<boolean> {
    return this.#inner.add(...args);
  }

  delete(key: Pick<CacheKey, "id">): Promise<void> {
    return this.#inner.delete(key);
  }

  clear(): Promise<void> {
    return this.#inner.clear();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#inner[Symbol.asyncDispose]();
  }
}
