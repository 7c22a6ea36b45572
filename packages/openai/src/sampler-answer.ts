import { LLMCacheError, type Json, type RunNote } from "@llmcache/core";
import { isJsonObject } from "@llmcache/fetch";
import { withCost } from "@llmcache/sampling/provider";
import type { ChatCompletionMessage } from "openai/resources/chat/completions";
import { noteOf } from "./answer-note.ts";

/** Which part of a choice is the sample. */
export type SampleKind = "text" | "message";

/** What a request cost, from the `usage` and the model of its answer. */
export type Price = (answer: { readonly model: string | undefined; readonly usage: Json | undefined }) => number;

/**
 * The samples of an answer: one for each of its choices, whatever it says, for all of them are paid for.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_COUNT` if this is no answer.
 */
export function samplesOf(answer: Json, kind: SampleKind): (string | ChatCompletionMessage)[] {
  const { choices, error } = isJsonObject(answer) ? answer : {};
  if (!Array.isArray(choices)) throw noAnswer(error);
  return (choices as readonly Json[]).map((choice) => {
    const message = isJsonObject(choice) ? choice["message"] : undefined;
    return kind === "message" ? ((message ?? null) as unknown as ChatCompletionMessage) : textOf(message);
  });
}

/** What it took. A usage that is missing, or says nothing, is nothing. */
export function spentOn(answer: Json, price: Price | undefined): RunNote {
  const note = noteOf(answer);
  const usage = isJsonObject(answer) ? answer["usage"] : undefined;
  return withCost(note, price && (() => price({ model: note.model, usage })));
}

/** The text; of what was refused, the refusal; nothing, where nothing was said. */
function textOf(message: Json | undefined): string {
  if (!isJsonObject(message)) return "";
  const { content, refusal } = message;
  if (typeof content === "string") return content;
  if (Array.isArray(content)) return (content as readonly Json[]).map(partOf).join("");
  return typeof refusal === "string" ? refusal : "";
}

function partOf(part: Json): string {
  const text = isJsonObject(part) ? part["text"] : undefined;
  return typeof text === "string" ? text : "";
}

/** Some gateways say with status 200 that they have failed. */
function noAnswer(error: Json | undefined): LLMCacheError {
  const said = isJsonObject(error) && typeof error["message"] === "string" ? `: ${error["message"]}` : "";
  return new LLMCacheError("ERR_LLMCACHE_COUNT", `The provider's answer has no choices${said}`);
}
