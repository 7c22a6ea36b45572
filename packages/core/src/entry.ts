import type { Body } from "./body.ts";
import { copyJson, type Json } from "./json.ts";

/** What is known of a stored answer without its body. Instants are milliseconds since the epoch. */
export interface EntryHead {
  /** The key it was stored under. */
  readonly id: string;
  readonly scope?: string | undefined;
  readonly text?: string | undefined;
  /** When the answer was complete. */
  readonly createdAt: number;
  /** From then on it is expired; never, if not given. */
  readonly staleAt?: number | undefined;
  /** From then on a store may drop it; never, if not given. Not before `staleAt`. */
  readonly deleteAt?: number | undefined;
  readonly metadata: EntryMetadata;
  /** Tag → the tag's generation when the provider was asked. */
  readonly tags?: Readonly<Record<string, string>> | undefined;
  /** The request, only when the cache was told to keep requests. */
  readonly request?: Json | undefined;
}

/**
 * Facts about an answer. The named ones are reserved and written by the cache: `tokens` is a count, `cost` is in the unit of
 * the cache's `price`, `durationMs` is how long the provider took.
 */
export interface EntryMetadata {
  readonly operation?: string;
  readonly provider?: string;
  readonly model?: string;
  readonly namespace?: string;
  readonly sample?: number;
  readonly tokens?: number;
  readonly inputTokens?: number;
  readonly outputTokens?: number;
  readonly cost?: number;
  readonly durationMs?: number;
  readonly [name: string]: string | number | undefined;
}

/** A stored answer. */
export interface Entry extends EntryHead {
  readonly body: Body;
}

/** Operations of entries that the cache keeps for itself: generations of tags, leases. Listings and statistics skip them. */
export const RESERVED_OPERATIONS: readonly string[] = ["llmcache.tag", "llmcache.lease"];

/** Is this one of the cache's own entries? Stores skip it in `entries` and spare it in eviction as long as they can. */
export function isReserved(head: EntryHead): boolean {
  const { operation } = head.metadata;
  return operation !== undefined && RESERVED_OPERATIONS.includes(operation);
}

/** The head of an entry, without its body. */
export function headOf(entry: Entry): EntryHead {
  const { body: _, ...head } = entry;
  return head;
}

/** A head that shares nothing with the given one (which may be a whole entry). */
export function copyHead(head: EntryHead): EntryHead {
  const { id, scope, text, createdAt, staleAt, deleteAt, metadata, tags, request } = head;
  return {
    id,
    ...(scope === undefined ? {} : { scope }),
    ...(text === undefined ? {} : { text }),
    createdAt,
    ...(staleAt === undefined ? {} : { staleAt }),
    ...(deleteAt === undefined ? {} : { deleteAt }),
    metadata: { ...metadata },
    ...(tags === undefined ? {} : { tags: { ...tags } }),
    ...(request === undefined ? {} : { request: copyJson(request) }),
  };
}
