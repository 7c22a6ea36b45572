import type { ServerResponse } from "node:http";
import {
  isLLMCacheError,
  isReserved,
  LLMCacheError,
  type EntriesOptions,
  type ListedEntry,
  type Store,
} from "@llmcache/core";
import { FILTER_FIELDS, filterFrom, matcher } from "./admin-filter.ts";
import { entryView } from "./admin-view.ts";
import { JsonLines } from "./ndjson.ts";
import { Refusal, sendJson, wrongField } from "./own-answer.ts";
import { within } from "./within.ts";

const DEFAULT_LIMIT = 100;
const MOST_LIMIT = 1000;
/** A filter that nearly nothing passes must not make one page go through the whole store. */
const MOST_SEEN = 20_000;
/** How long a store may take for one step. */
const STEP_MS = 30_000;
const KNOWN: readonly string[] = [...FILTER_FIELDS, "limit", "after", "prompts"];

/** Where a listing is sent, and how. */
export interface ListingRequest {
  readonly response: ServerResponse;
  readonly query: URLSearchParams;
  /** One line an entry, all of them: what `Accept: application/x-ndjson` asks for. */
  readonly asLines: boolean;
  readonly signal: AbortSignal;
  readonly now: number;
}

/** Heads by the page, with a cursor, or all of them by the line. An entry may come twice: several tiers may hold it. */
export async function listEntries(
  store: Store,
  { response, query, asLines, signal, now }: ListingRequest,
): Promise<void> {
  const fields = fieldsOf(query, KNOWN);
  const matches = matcher(filterFrom(fields), now);
  const limit = limitOf(fields["limit"], asLines);
  const shown = { prompts: flagOf("prompts", fields["prompts"]) };
  const hasFilter = FILTER_FIELDS.some((name) => fields[name] !== undefined);
  const most = asLines ? Number.POSITIVE_INFINITY : hasFilter ? MOST_SEEN : limit;
  const listed = entriesOf(store, { after: fields["after"], limit: most, signal });
  // What can be refused is refused before an answer begins.
  const first = await listed.next();
  const lines = asLines ? new JsonLines(response, signal) : undefined;
  const entries: object[] = [];
  let [seen, given] = [0, 0];
  let next: string | null = null;
  try {
    for (let step = first; step.done !== true; step = await listed.next()) {
      const { head, size, cursor } = step.value;
      seen++;
      if (matches(head)) {
        given++;
        const view = entryView(head, size, now, shown);
        if (lines === undefined) entries.push(view);
        else await lines.write({ ...view, cursor });
      }
      if (given >= limit || seen >= most) {
        next = cursor;
        break;
      }
    }
  } finally {
    await listed.return(undefined);
  }
  if (lines === undefined) sendJson(response, 200, { entries, next });
  else lines.end();
}

/** How many entries there are and how large they are, of the first so many. */
export async function countEntries(
  store: Store,
  most: number,
  signal: AbortSignal,
): Promise<{ readonly entries: number; readonly bytes: number; readonly isComplete: boolean }> {
  let [entries, bytes] = [0, 0];
  for await (const { size } of entriesOf(store, { limit: most, signal })) {
    entries++;
    bytes += size;
  }
  return { entries, bytes, isComplete: entries < most };
}

/** The store's listing without the cache's own entries; a step that hangs is an error. @throws Refusal 501 where the store cannot list. */
async function* entriesOf(
  store: Store,
  { after, limit = Number.POSITIVE_INFINITY, signal }: EntriesOptions,
): AsyncGenerator<ListedEntry, undefined> {
  requireListing(store);
  const late = (): Error =>
    new LLMCacheError("ERR_LLMCACHE_STORE", `Listing the ${store.name} store took longer than ${STEP_MS} ms a step.`);
  const bound = Number.isFinite(limit) ? { limit } : {};
  const own = new AbortController();
  const signals = signal === undefined ? own.signal : AbortSignal.any([signal, own.signal]);
  const steps = store.entries?.({ after, signal: signals, ...bound })[Symbol.asyncIterator]();
  let isUnderWay = false;
  try {
    for (;;) {
      isUnderWay = true;
      const step = await within(STEP_MS, late, async () => steps?.next(), signal);
      isUnderWay = false;
      if (step === undefined || step.done === true) return;
      if (!isReserved(step.value.head)) yield step.value;
    }
  } catch (error) {
    signal?.throwIfAborted();
    if (isLLMCacheError(error)) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new LLMCacheError("ERR_LLMCACHE_STORE", `The ${store.name} store failed to list: ${reason}`, {
      cause: error,
    });
  } finally {
    const ended = steps?.return?.();
    // Behind a step that hangs this hangs, too.
    if (isUnderWay) {
      ended?.catch(() => undefined);
      own.abort(late());
    } else await ended;
  }
}

/** @throws Refusal 501 where the store cannot list. */
export function requireListing(store: Store): void {
  if (store.entries !== undefined) return;
  throw new Refusal(
    501,
    "ERR_LLMCACHE_UNSUPPORTED",
    `The ${store.name} store cannot list its entries: invalidate by tags, or clear it with { "all": true }.`,
  );
}

/** The fields of a query, each once. @throws Refusal 400 for one that is unknown, or given twice. */
export function fieldsOf(query: URLSearchParams, known: readonly string[]): Readonly<Record<string, string>> {
  const fields: Record<string, string> = {};
  for (const [name, value] of query) {
    if (!known.includes(name))
      throw wrongField(JSON.stringify(name.slice(0, 40)), `is no parameter here; known are ${known.join(", ")}.`);
    if (Object.hasOwn(fields, name)) throw wrongField(name, "stands twice.");
    fields[name] = value;
  }
  return fields;
}

/** @throws Refusal 400 */
export function flagOf(name: string, value: string | undefined): boolean {
  if (value === undefined || value === "false") return false;
  if (value === "true" || value === "") return true;
  throw wrongField(name, "must be true or false.");
}

function limitOf(value: string | undefined, asLines: boolean): number {
  if (value === undefined) return asLines ? Number.POSITIVE_INFINITY : DEFAULT_LIMIT;
  const limit = /^\d{1,12}$/.test(value) ? Number(value) : 0;
  if (limit < 1 || (!asLines && limit > MOST_LIMIT))
    throw wrongField("limit", `must be a whole number from 1${asLines ? "" : ` to ${MOST_LIMIT}`}.`);
  return limit;
}
