import type { PutObjectCommandInput } from "@aws-sdk/client-s3";
import type { Codec, Entry } from "@llmcache/core";

/** What people, tools and lifecycle rules see of an object. The store itself never reads it back. */
export type ObjectHeaders = Pick<PutObjectCommandInput, "ContentType" | "CacheControl" | "Expires" | "Metadata">;

const CONTENT_TYPE = "application/vnd.llmcache.entry";
/** A year, what HTTP/1.1 took for "for ever" (RFC 2616, 14.21). */
const MOST_SECONDS = 31_536_000;
/** HTTP dates have years of four digits. */
const LAST_DATE_MS = Date.UTC(9999, 11, 31, 23, 59, 59);
/** All metadata of an object may take 2 kB. */
const MOST_CHARACTERS = 512;

/** With a codec that seals, nothing of the head is repeated; when the entry ends is readable in the frame's line, too. */
export function headersOf(entry: Entry, codec: Codec | undefined, now: number): ObjectHeaders {
  const { staleAt } = entry;
  const seconds =
    staleAt === undefined ? MOST_SECONDS : Math.min(MOST_SECONDS, Math.max(0, Math.floor((staleAt - now) / 1000)));
  return {
    ContentType: CONTENT_TYPE,
    CacheControl: `max-age=${Number.isNaN(seconds) ? 0 : seconds}`,
    ...(staleAt === undefined || Number.isNaN(staleAt)
      ? {}
      : { Expires: new Date(Math.min(Math.max(staleAt, 0), LAST_DATE_MS)) }),
    ...(codec?.readsPlain === false ? {} : { Metadata: metadataOf(entry) }),
  };
}

function metadataOf({ createdAt, metadata }: Entry): Record<string, string> {
  const { operation, model } = metadata;
  return {
    ...(operation === undefined ? {} : { operation: headerValue(operation) }),
    ...(model === undefined ? {} : { model: headerValue(model) }),
    ...(createdAt >= 0 && createdAt <= LAST_DATE_MS ? { createdAt: new Date(createdAt).toISOString() } : {}),
  };
}

/** Percent-encoded where a header would not carry it, a space included: ends are trimmed, which breaks signatures. */
function headerValue(text: string): string {
  return text
    .slice(0, MOST_CHARACTERS)
    .toWellFormed()
    .replaceAll(/[^!-$&-~]/gu, (character) => encodeURIComponent(character))
    .slice(0, MOST_CHARACTERS)
    .replace(/%[0-9A-F]?$/, "");
}
