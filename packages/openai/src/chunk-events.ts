import { isDeepStrictEqual } from "node:util";
import type { Json, JsonObject } from "@llmcache/core";
import { isJsonObject, parseJsonText, type ServerSentEvent } from "@llmcache/fetch";
import { CHUNK_FIELDS, type ChunkAssembly } from "./chunk-assembly.ts";
import { hasOnly, saysNothing } from "./json-shape.ts";

/** How an endpoint says its answers in chunks. */
export interface ChunkForm {
  /** What a chunk calls itself. */
  readonly object: string;
  /** What the chunks hold of a choice, one after the other; `undefined` if they cannot hold all of it. */
  choicesOf(choice: JsonObject): readonly JsonObject[] | undefined;
  assemble(events: readonly ServerSentEvent[]): ChunkAssembly;
}

/**
 * An answer as the stream it might have come as, or `undefined` if a stream cannot say all of it. Proven each time: what the
 * events amount to must be the answer again.
 */
export function chunkEvents(answer: Json, withUsage: boolean, form: ChunkForm): readonly ServerSentEvent[] | undefined {
  if (!isJsonObject(answer) || !Array.isArray(answer["choices"])) return undefined;
  const { choices, usage } = answer;
  if (withUsage && !isJsonObject(usage)) return undefined;
  const chunks: JsonObject[] = [];
  const head = chunkHead(answer, form.object);
  for (const choice of choices as readonly Json[]) {
    const pieces = isJsonObject(choice) ? form.choicesOf(choice) : undefined;
    if (pieces === undefined) return undefined;
    chunks.push(...pieces.map((piece) => ({ ...head, choices: [piece] })));
  }
  const usageChunk = { ...head, choices: [], usage: usage as Json };
  const back = form.assemble([...chunks, ...(isJsonObject(usage) ? [usageChunk] : [])].map(eventOf));
  if (!back.lossless || !back.finished || !isDeepStrictEqual(telling(back.answer), telling(answer))) return undefined;
  const told = withUsage ? [...chunks.map((chunk) => ({ ...chunk, usage: null })), usageChunk] : chunks;
  return [...told.map(eventOf), { event: "message", data: "[DONE]" }];
}

/** The same stream for a call that did not ask for the usage; `undefined` if the chunk with the usage says more than that. */
export function hideUsage(events: readonly ServerSentEvent[]): readonly ServerSentEvent[] | undefined {
  const told: ServerSentEvent[] = [];
  for (const event of events) {
    const chunk = parseJsonText(event.data);
    if (!isJsonObject(chunk) || !("usage" in chunk)) told.push(event);
    else if (chunk["usage"] === null) {
      const { usage: _usage, ...rest } = chunk;
      told.push({ event: event.event, data: JSON.stringify(rest) });
    } else if (!saysNothing(chunk["choices"])) {
      // Some providers put the usage into the last chunk of text for everybody: it stays.
      told.push(event);
    } else if (!hasOnly(chunk, CHUNK_FIELDS)) return undefined;
  }
  return told;
}

function eventOf(chunk: Json): ServerSentEvent {
  return { event: "message", data: JSON.stringify(chunk) };
}

function chunkHead(answer: JsonObject, object: string): JsonObject {
  const { choices: _choices, usage: _usage, object: _object, id, ...rest } = answer;
  return { ...(id === undefined ? {} : { id }), object, ...rest };
}

/** The answer without members that say nothing, which streams leave out. */
function telling(value: Json | undefined): Json | undefined {
  if (Array.isArray(value)) return (value as readonly Json[]).map((item) => telling(item) ?? null);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries<Json | undefined>(
    Object.entries(value)
      .filter(([, member]) => !saysNothing(member))
      .map(([name, member]) => [name, telling(member)]),
  );
}
