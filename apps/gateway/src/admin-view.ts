import type { Body, EntryHead } from "@llmcache/core";
import { withoutSecrets } from "./secrets.ts";

/** What of an entry is shown besides the facts about it. */
export interface Shown {
  /** The prompt, where a store keeps it for comparing, and the request, where the cache was told to keep it. */
  readonly prompts: boolean;
}

/** An entry for operators. Instants are ms since the epoch; `tags` are names. */
export function entryView(head: EntryHead, size: number, now: number, { prompts }: Shown): object {
  const { id, createdAt, staleAt, deleteAt, metadata, tags, text, request } = head;
  return {
    id,
    size,
    createdAt,
    ageSeconds: Math.max(0, Math.floor((now - createdAt) / 1000)),
    ...(staleAt === undefined ? {} : { staleAt }),
    ...(deleteAt === undefined ? {} : { deleteAt }),
    isExpired: staleAt !== undefined && now >= staleAt,
    ...metadata,
    ...(metadata.provider === undefined ? {} : { provider: withoutSecrets(metadata.provider) }),
    ...(tags === undefined ? {} : { tags: Object.keys(tags) }),
    ...(prompts && text !== undefined ? { text } : {}),
    ...(prompts && request !== undefined ? { request } : {}),
  };
}

/** What is stored, as a value or a text where it is one, in base64 otherwise. */
export function bodyView(body: Body): object {
  if (body.kind === "json") return { kind: "json", value: body.json() };
  const bytes = body.bytes();
  try {
    return { kind: "bytes", text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    return { kind: "bytes", base64: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64") };
  }
}
