import { createHash } from "node:crypto";
import { Body, LLMCacheError, type Entry, type Store } from "@llmcache/core";
import { shownURL, withoutSecrets } from "./secrets.ts";
import { within } from "./within.ts";

/** A store, or one tier of several, as people know it. */
export interface NamedStore {
  readonly name: string;
  readonly store: Store;
  /** As it was configured: shown without user, password and query. */
  readonly url?: string | undefined;
  /** `false`: it is only read. @default true */
  readonly isWritten?: boolean | undefined;
}

/** How a store answered. */
export interface Probed {
  readonly name: string;
  readonly url?: string | undefined;
  readonly isUp: boolean;
  /** Round trip of a read, in ms. */
  readonly readMs?: number;
  /** Round trip of a write, in ms; absent where none was tried. */
  readonly writeMs?: number;
  /** What failed; no secrets. */
  readonly error?: string;
}

/** No request has this id. */
const PROBE_ID = createHash("sha256").update("llmcache.probe").digest("hex");
/** What could not be removed goes by itself. */
const PROBE_LIFE_MS = 60_000;

/** Reads what is not there, and with `write` writes and removes a small entry that no listing shows. Never rejects. */
export async function probe(
  { name, store, url, isWritten = true }: NamedStore,
  deadlineMs: number,
  write: boolean,
): Promise<Probed> {
  const known = url === undefined ? { name } : { name, url: shownURL(url) };
  let readMs: number | undefined;
  try {
    readMs = await timed(deadlineMs, (signal) => store.get({ id: PROBE_ID }, { signal }));
    if (!write || !isWritten) return { ...known, isUp: true, readMs };
    const writeMs = await timed(deadlineMs, (signal) => store.set(probeEntry(), { signal }));
    await timed(deadlineMs, (signal) => store.delete({ id: PROBE_ID }, { signal }));
    return { ...known, isUp: true, readMs, writeMs };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return {
      ...known,
      isUp: false,
      ...(readMs === undefined ? {} : { readMs }),
      error: withoutSecrets(message, url === undefined ? [] : [url]),
    };
  }
}

/** @returns how long it took, in ms, to a hundredth. Rejects when the time is up, whatever the store does. */
async function timed(deadlineMs: number, work: (signal: AbortSignal) => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  // To a breaker this is the store's failure.
  const late = (): Error => new LLMCacheError("ERR_LLMCACHE_STORE", `There was no answer in ${deadlineMs} ms.`);
  await within(deadlineMs, late, work);
  return Math.round((performance.now() - startedAt) * 100) / 100;
}

/** One of the cache's own: no listing shows it, and no eviction is made for it. Stores may go by the real time. */
function probeEntry(): Entry {
  const createdAt = Date.now();
  const deleteAt = createdAt + PROBE_LIFE_MS;
  return {
    id: PROBE_ID,
    createdAt,
    staleAt: deleteAt,
    deleteAt,
    metadata: { operation: "llmcache.lease" },
    body: Body.json("probe"),
  };
}
