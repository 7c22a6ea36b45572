import type { Json, JsonObject } from "@llmcache/core";
import { isJsonObject, type ServerSentEvent } from "@llmcache/fetch";
import { assembleChat } from "./chat-assembly.ts";
import { chunkEvents } from "./chunk-events.ts";
import { saysNothing } from "./json-shape.ts";

/**
 * A chat completion as the stream it might have come as, or `undefined` if a stream cannot say all of it. Proven each time: what
 * the events amount to must be the answer again.
 */
export function chatEvents(answer: Json, withUsage: boolean): readonly ServerSentEvent[] | undefined {
  return chunkEvents(answer, withUsage, { object: "chat.completion.chunk", choicesOf, assemble: assembleChat });
}

/** What its chunks hold of a choice. */
function choicesOf(choice: JsonObject): readonly JsonObject[] | undefined {
  const { message, logprobs, index, finish_reason: finishReason } = choice;
  if (!isJsonObject(message) || typeof index !== "number" || typeof finishReason !== "string") return undefined;
  const piece = (delta: JsonObject, more: JsonObject = {}): JsonObject => ({
    index,
    delta,
    ...(logprobs === undefined ? {} : { logprobs: null }),
    finish_reason: null,
    ...more,
  });
  const { role, content, refusal, tool_calls: calls, ...others } = message;
  const opening = typeof content === "string" ? "" : content;
  const pieces = [
    piece({
      ...(role === undefined ? {} : { role }),
      ...(opening === undefined ? {} : { content: opening }),
      ...(refusal === undefined ? {} : { refusal: null }),
    }),
  ];
  // Logprobs come with the text they are of; with what there is, if there is none.
  let left = isJsonObject(logprobs) ? logprobs : undefined;
  const say = (delta: JsonObject): void => {
    pieces.push(piece(delta, left === undefined ? {} : { logprobs: left }));
    left = undefined;
  };
  for (const [name, value] of Object.entries(others)) if (!saysNothing(value)) pieces.push(piece({ [name]: value }));
  if (typeof content === "string" && content !== "") say({ content });
  if (typeof refusal === "string") say({ refusal });
  if (Array.isArray(calls)) {
    for (const [position, call] of (calls as readonly Json[]).entries()) {
      if (!isJsonObject(call)) return undefined;
      say({ tool_calls: [{ index: position, ...call }] });
    }
  }
  if (left !== undefined) say({});
  return [...pieces, piece({}, { finish_reason: finishReason })];
}
