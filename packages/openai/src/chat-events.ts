import { isDeepStrictEqual } from "node:util";
import type { Json, JsonObject } from "@llmcache/core";
import type { ServerSentEvent } from "@llmcache/fetch";
import { assembleChat, CHUNK_FIELDS } from "./chat-assembly.ts";
import { hasOnly, isObject, parseText, saysNothing } from "./json-shape.ts";

/**
 * A chat completion as the stream it might have come as, or `undefined` if a stream cannot say all of it. Proven each time: what
 * the events amount to must be the answer again.
 */
export function chatEvents(answer: Json, withUsage: boolean): readonly ServerSentEvent[] | undefined {
  if (!isObject(answer) || !Array.isArray(answer["choices"])) return undefined;
  if (withUsage && !isObject(answer["usage"])) return undefined;
  const chunks = chunksOf(answer, answer["choices"] as readonly Json[]);
  if (chunks === undefined) return undefined;
  const usageChunk = { ...chunkHead(answer), choices: [], usage: answer["usage"] as Json };
  const back = assembleChat([...chunks, ...(isObject(answer["usage"]) ? [usageChunk] : [])].map(eventOf));
  if (!back.lossless || !back.finished || !isDeepStrictEqual(telling(back.answer), telling(answer))) return undefined;
  const told = withUsage ? [...chunks.map((chunk) => ({ ...chunk, usage: null })), usageChunk] : chunks;
  return [...told.map(eventOf), { event: "message", data: "[DONE]" }];
}

/** The same stream for a call that did not ask for the usage; `undefined` if the chunk with the usage says more than that. */
export function hideUsage(events: readonly ServerSentEvent[]): readonly ServerSentEvent[] | undefined {
  const told: ServerSentEvent[] = [];
  for (const event of events) {
    const chunk = parseText(event.data);
    if (!isObject(chunk) || !("usage" in chunk)) told.push(event);
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

function chunkHead(answer: JsonObject): JsonObject {
  const { choices: _choices, usage: _usage, object: _object, id, ...rest } = answer;
  return { ...(id === undefined ? {} : { id }), object: "chat.completion.chunk", ...rest };
}

function chunksOf(answer: JsonObject, choices: readonly Json[]): JsonObject[] | undefined {
  const head = chunkHead(answer);
  const chunks: JsonObject[] = [];
  for (const choice of choices) {
    const { message, logprobs, index, finish_reason: finishReason } = isObject(choice) ? choice : {};
    if (!isObject(message) || typeof index !== "number" || typeof finishReason !== "string") return undefined;
    const chunk = (delta: JsonObject, more: JsonObject = {}): JsonObject => ({
      ...head,
      choices: [{ index, delta, ...(logprobs === undefined ? {} : { logprobs: null }), finish_reason: null, ...more }],
    });
    const { role, content, refusal, tool_calls: calls, ...others } = message;
    const opening = typeof content === "string" ? "" : content;
    chunks.push(
      chunk({
        ...(role === undefined ? {} : { role }),
        ...(opening === undefined ? {} : { content: opening }),
        ...(refusal === undefined ? {} : { refusal: null }),
      }),
    );
    // Logprobs come with the text they are of; with what there is, if there is none.
    let left = isObject(logprobs) ? logprobs : undefined;
    const say = (delta: JsonObject): void => {
      chunks.push(chunk(delta, left === undefined ? {} : { logprobs: left }));
      left = undefined;
    };
    for (const [name, value] of Object.entries(others)) if (!saysNothing(value)) chunks.push(chunk({ [name]: value }));
    if (typeof content === "string" && content !== "") say({ content });
    if (typeof refusal === "string") say({ refusal });
    if (Array.isArray(calls)) {
      for (const [position, call] of (calls as readonly Json[]).entries()) {
        if (!isObject(call)) return undefined;
        say({ tool_calls: [{ index: position, ...call }] });
      }
    }
    if (left !== undefined) say({});
    chunks.push(chunk({}, { finish_reason: finishReason }));
  }
  return chunks;
}

/** The answer without members that say nothing, which streams leave out. */
function telling(value: Json | undefined): Json | undefined {
  if (Array.isArray(value)) return (value as readonly Json[]).map((item) => telling(item) ?? null);
  if (!isObject(value)) return value;
  return Object.fromEntries<Json | undefined>(
    Object.entries(value)
      .filter(([, member]) => !saysNothing(member))
      .map(([name, member]) => [name, telling(member)]),
  );
}
