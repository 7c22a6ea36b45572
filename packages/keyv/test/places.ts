import { KeyvSqlite } from "@keyv/sqlite";
import type { Entry, Store, StoreEvent } from "@llmcache/core";
import { sampleEntry, sampleId, type SampleOverrides } from "@llmcache/core/conformance";

/** Keyv's SQLite adapter on a file, in a namespace. */
export function sqlite(file: string, namespace?: string): KeyvSqlite {
  const adapter = new KeyvSqlite({ uri: `sqlite://${file}`, wal: true, busyTimeout: 5000 });
  adapter.namespace = namespace;
  return adapter;
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

export async function idsOf(store: Store, options?: Parameters<NonNullable<Store["entries"]>>[0]): Promise<string[]> {
  const ids: string[] = [];
  for await (const { head } of store.entries?.(options) ?? []) ids.push(head.id);
  return ids;
}

export function eventsOf(store: Store): StoreEvent[] {
  const events: StoreEvent[] = [];
  store.on?.((event) => events.push(event));
  return events;
}
