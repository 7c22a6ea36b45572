import { about, type Call } from "./call.ts";
import type { Engine } from "./engine.ts";
import type { Entry } from "./entry.ts";
import type { Flight } from "./flight.ts";
import type { Settings } from "./settings.ts";
import { storeError, type StoreHit } from "./store.ts";
import { newGenerations } from "./tags.ts";

/** An answer to be written, and the run it came from. */
export interface KeptAnswer {
  readonly flight: Flight;
  readonly entry: Entry;
}

/** Will an answer of this call be stored at all? */
export function stores(call: Call, flight: Flight): boolean {
  return !call.control.noStore && call.control.ttlMs !== 0 && !flight.detached;
}

/**
 * Writes answers in the background; their flights are over when that has settled. What was deleted in the meantime (by a judge, a
 * listener) is not written.
 */
export function keep(engine: Engine, call: Call, answers: readonly KeptAnswer[]): void {
  const kept: KeptAnswer[] = [];
  for (const answer of answers) {
    if (answer.flight.detached) engine.flights.close(answer.flight);
    else kept.push(answer);
  }
  if (kept.length === 0) return;
  for (const { flight, entry } of kept) flight.head = entry;
  const entries = kept.map(({ entry }) => entry);
  const written = write(engine, call, entries).finally(() => {
    for (const { flight } of kept) engine.flights.close(flight);
  });
  for (const { flight } of kept) flight.written = written;
  engine.inBackground(written.then(() => undefined));
}

/** Writes for a caller who waits for it. */
export async function writeNow(engine: Engine, call: Call, entry: Entry): Promise<void> {
  try {
    await writeAll(engine, call.settings, [entry]);
  } catch (error) {
    engine.failed(call, "set", error);
    throw storeError(call.settings.store, "write", error);
  }
  wrote(engine, call, [entry]);
}

/** @returns whether that succeeded. */
async function write(engine: Engine, call: Call, entries: readonly Entry[]): Promise<boolean> {
  try {
    await writeAll(engine, call.settings, entries);
  } catch (error) {
    engine.failed(call, "set", error);
    return false;
  }
  wrote(engine, call, entries);
  return true;
}

function wrote(engine: Engine, call: Call, entries: readonly Entry[]): void {
  for (const entry of entries) {
    engine.statistics.count("stores");
    engine.emit(() => ({
      ...about(call, call.settings.clock(), false),
      id: entry.id,
      type: "store",
      sizeBytes: entry.body.size,
    }));
  }
}

async function writeAll(engine: Engine, settings: Settings, entries: readonly Entry[]): Promise<void> {
  const [entry] = entries;
  if (entry === undefined) return;
  await engine.inTime(settings, "set", async (store, signal) => {
    if (entries.length === 1) return store.set(entry, { signal });
    if (store.setMany !== undefined) return store.setMany(entries, { signal });
    await Promise.all(entries.map((each) => store.set(each, { signal })));
  });
}

/** The entry under this id as it is, judged by nobody. */
export function peek(engine: Engine, settings: Settings, id: string): Promise<StoreHit | undefined> {
  return engine.inTime(settings, "get", (store, signal) => store.get({ id }, { signal }));
}

/** Deletes now, after writes of the same id that are under way, whose answers will not come back. */
export async function remove(engine: Engine, id: string, settings: Settings = engine.settings): Promise<void> {
  await engine.flights.detach(id);
  try {
    await engine.inTime(settings, "delete", (store, signal) => store.delete({ id }, { signal }));
  } catch (error) {
    throw storeError(settings.store, "delete", error);
  }
  // Calls that began in the meantime may have found what is gone.
  void engine.flights.detach(id);
  engine.emit(() => ({ type: "invalidate", what: "entry", at: settings.clock(), cacheHit: false, id, durationMs: 0 }));
}

export async function removeAll(engine: Engine): Promise<void> {
  const { settings } = engine;
  await engine.flights.detach();
  try {
    await settings.store.clear();
  } catch (error) {
    throw storeError(settings.store, "clear", error);
  }
  void engine.flights.detach();
  engine.emit(() => ({ type: "invalidate", what: "all", at: settings.clock(), cacheHit: false, durationMs: 0 }));
}

/** Nothing that carries one of these tags is served any more, nor what is under way with one of them stored. */
export async function invalidateTags(engine: Engine, tags: readonly string[]): Promise<void> {
  const { settings } = engine;
  engine.flights.detachTagged(tags);
  try {
    await newGenerations(tags, settings, engine.work);
  } catch (error) {
    throw storeError(settings.store, "invalidate tags", error);
  }
  // Calls that began in the meantime may have seen the generations from before.
  engine.flights.detachTagged(tags);
  engine.emit(() => ({ type: "invalidate", what: "tags", tags, at: settings.clock(), cacheHit: false, durationMs: 0 }));
}
