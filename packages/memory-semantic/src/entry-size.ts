import type { Entry, Json } from "@llmcache/core";

/** What an entry costs beside its texts: the objects, the id twice over, its places. Measured, rounded up. */
const ENTRY_BYTES = 768;
const MEMBER_BYTES = 32;
const FLOAT_BYTES = 4;

/** Estimated bytes of memory that an entry takes: its body, an estimate of its head, and its vector. */
export function entrySize(entry: Entry, dimensions: number): number {
  const { text = "", scope = "", metadata, tags, request } = entry;
  let size = ENTRY_BYTES + text.length + scope.length + recordSize(metadata) + entry.body.size;
  if (tags !== undefined) size += recordSize(tags);
  if (request !== undefined) size += jsonSize(request);
  return size + dimensions * FLOAT_BYTES;
}

function recordSize(record: Readonly<Record<string, string | number | undefined>>): number {
  let size = 0;
  for (const name of Object.keys(record)) {
    const value = record[name];
    size += MEMBER_BYTES + name.length + (typeof value === "string" ? value.length : 0);
  }
  return size;
}

function jsonSize(value: Json | undefined): number {
  if (typeof value === "string") return MEMBER_BYTES + value.length;
  if (typeof value !== "object" || value === null) return MEMBER_BYTES;
  let size = MEMBER_BYTES;
  for (const member of Object.values(value)) size += MEMBER_BYTES + jsonSize(member);
  return size;
}
