import type { Entry } from "./entry.ts";
import type { Json } from "./json.ts";

const MEMBER_BYTES = 32;

/**
 * Estimated bytes of memory that an entry's body and texts take, for stores that keep entries in the process and bound them; what the
 * store needs besides, for each entry, it adds.
 */
export function estimateEntry(entry: Entry): number {
  const { text = "", scope = "", metadata, tags, request } = entry;
  let size = text.length + scope.length + recordSize(metadata) + entry.body.size;
  if (tags !== undefined) size += recordSize(tags);
  if (request !== undefined) size += jsonSize(request);
  return size;
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
