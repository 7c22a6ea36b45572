import type { ServerResponse } from "node:http";
import type { EntryHead, LLMCache } from "@llmcache/core";
import { FILTER_FIELDS, filterFrom, matcher } from "./admin-filter.ts";
import { requireListing } from "./admin-listing.ts";
import { JsonLines } from "./ndjson.ts";
import { described, sendJson, wrongField } from "./own-answer.ts";

/** Where the answer to a sweep goes. */
export interface Sweep {
  readonly response: ServerResponse;
  /** Progress, one line after every hundred entries: what `Accept: application/x-ndjson` asks for. */
  readonly asLines: boolean;
  readonly signal: AbortSignal;
  readonly now: number;
  /** Of the stores: what is secret in them is told to nobody. */
  readonly urls: readonly string[];
}

/** What may stand in the body of `invalidate`. */
export const INVALIDATE_FIELDS: readonly string[] = ["tags", "all", ...FILTER_FIELDS.filter((name) => name !== "tag")];

/** `{ tags }` at once and everywhere; `{ all: true }` clears the store; anything else goes through the entries. */
export async function invalidate(
  cache: LLMCache,
  fields: Readonly<Record<string, unknown>>,
  sweep: Sweep,
): Promise<void> {
  const names = Object.keys(fields);
  for (const alone of ["tags", "all"]) {
    if (fields[alone] !== undefined && names.length > 1)
      throw wrongField(alone, "must stand alone: it cannot be narrowed by other fields.");
  }
  if (fields["tags"] !== undefined) {
    await cache.invalidate({ tags: tagsOf(fields["tags"]) });
    return sendJson(sweep.response, 200, { invalidated: fields["tags"] });
  }
  if (fields["all"] !== undefined) {
    if (fields["all"] !== true) throw wrongField("all", "must be true: it removes every entry of the store.");
    await cache.clear();
    return sendJson(sweep.response, 200, { cleared: true });
  }
  if (names.length === 0)
    throw wrongField("The body", `must say what is to go: one of ${INVALIDATE_FIELDS.join(", ")}.`);
  await forget(cache, matcher(filterFrom(fields), sweep.now), sweep);
}

/** Removes what a namespace and those below it hold: a tenant, say. */
export async function clearNamespace(cache: LLMCache, namespace: string, sweep: Sweep): Promise<void> {
  await forget(cache, matcher(filterFrom({ namespace }), sweep.now), sweep);
}

async function forget(
  cache: LLMCache,
  where: (head: EntryHead) => boolean,
  { response, asLines, signal, urls }: Sweep,
): Promise<void> {
  requireListing(cache.store);
  if (!asLines) {
    // It goes on though its caller has gone: half a tenant's entries are no end.
    sendJson(response, 200, await cache.forget({ where }));
    return;
  }
  const lines = new JsonLines(response, signal);
  try {
    const done = await cache.forget({ where, onProgress: (progress) => lines.offer(progress) });
    lines.end({ ...done, done: true });
  } catch (error) {
    const { code, message } = described(error, urls);
    lines.end({ error: { message, type: "llmcache", code } });
  }
}

function tagsOf(value: unknown): readonly string[] {
  if (!Array.isArray(value) || value.length === 0 || !value.every((tag) => typeof tag === "string" && tag !== ""))
    throw wrongField("tags", "must be a list of texts, one at least.");
  return value as readonly string[];
}
