import { afterAll } from "vitest";
import { type Entry, type Store, type StoreEvent } from "@llmcache/core";
import { sampleEntry, sampleId, type SampleOverrides } from "@llmcache/core/conformance";
import { DiskStore, type DiskStoreOptions } from "@llmcache/disk";

const opened: DiskStore[] = [];
afterAll(async () => {
  for (const store of opened.splice(0)) await store[Symbol.asyncDispose]().catch(() => undefined);
});

/** A store that is closed after the tests of the file, and what it told. */
export function openStore(options: DiskStoreOptions): { readonly store: DiskStore; readonly events: StoreEvent[] } {
  const store = new DiskStore(options);
  const events: StoreEvent[] = [];
  store.on((event) => events.push(event));
  opened.push(store);
  return { store, events };
}

export async function close(store: Store): Promise<void> {
  await store[Symbol.asyncDispose]();
}

export function entryOf(name: string | number, overrides?: SampleOverrides): Entry {
  return sampleEntry({ id: sampleId(name), value: name, ...overrides });
}

export async function valueOf(store: Store, name: string | number): Promise<unknown> {
  return (await store.get({ id: sampleId(name) }))?.entry.body.json();
}

export async function has(store: Store, name: string | number): Promise<boolean> {
  return (await store.get({ id: sampleId(name) })) !== undefined;
}

export function typesOf(events: readonly StoreEvent[]): string[] {
  return events.map((event) => event.type);
}
