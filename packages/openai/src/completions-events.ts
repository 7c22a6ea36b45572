import type { Json, JsonObject } from "@llmcache/core";
import type { ServerSentEvent } from "@llmcache/fetch";
import { chunkEvents } from "./chunk-events.ts";
import { assembleCompletion } from "./completions-assembly.ts";

/** A completion as the stream it might have come as, or `undefined` if a stream cannot say all of it. */
export function completionEvents(answer: Json, withUsage: boolean): readonly ServerSentEvent[] | undefined {
  return chunkEvents(answer, withUsage, { object: "text_completion", choicesOf, assemble: assembleCompletion });
}

/** What its chunks hold of a choice: the text with its log probabilities, then the end. */
function choicesOf(choice: JsonObject): readonly JsonObject[] | undefined {
  const { text, logprobs, index, finish_reason: finishReason } = choice;
  if (typeof text !== "string" || typeof index !== "number" || typeof finishReason !== "string") return undefined;
  return [
    { ...choice, finish_reason: null },
    { text: "", index, ...(logprobs === undefined ? {} : { logprobs: null }), finish_reason: finishReason },
  ];
}
