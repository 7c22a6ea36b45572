import { LLMCacheError, type Json, type RunNote } from "@llmcache/core";
import type { ChatCompletionMessage } from "openai/resources/chat/completions";
import { noteOf } from "./answer-note.ts";
import { isObject } from "./json-shape.ts";

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
  const { choices, error } = isObject(answer) ? answer : {};
  if (!Array.isArray(choices)) throw noAnswer(error);
  return (choices as readonly Json[]).map((choice) => {
    const message = isObject(choice) ? choice["message"] : undefined;
    return kind === "message" ? ((message ?? null) as unknown as ChatCompletionMessage) : textOf(message);
  });
}

/** What it took. A usage that is missing, or says nothing, is nothing. */
export function spentOn(answer: Json, price: Price | undefined): RunNote {
  const note = noteOf(answer);
  const usage = isObject(answer) ? answer["usage"] : undefined;
  return price === undefined ? note : { ...note, cost: costOf(() => price({ model: note.model, usage })) };
}

/** An answer is not lost because nobody knows what it cost. */
function costOf(price: () => number): number | undefined {
  try {
    return price();
  } catch {
    return undefined;
  }
}

/** The text; of what was refused, the refusal; nothing, where nothing was said. */
function textOf(message: Json | undefined): string {
  if (!isObject(message)) return "";
  const { content, refusal } = message;
  if (typeof content === "string") return content;
  if (Array.isArray(content)) return (content as readonly Json[]).map(partOf).join("");
  return typeof refusal === "string" ? refusal : "";
}

function partOf(part: Json): string {
  const text = isObject(part) ? part["text"] : undefined;
  return typeof text === "string" ? text : "";
}

/** Some gateways say with status 200 that they have failed. */
function noAnswer(error: Json | undefined): LLMCacheError {
  const said = isObject(error) && typeof error["message"] === "string" ? `: ${error["message"]}` : "";
  return new LLMCacheError("ERR_LLMCACHE_COUNT", `The provider's answer has no choices${said}`);
}
