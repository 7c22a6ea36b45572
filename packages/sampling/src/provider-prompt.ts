import { LLMCacheError } from "@llmcache/core";

/** What prompts of one sampler may be. */
export interface PromptRules {
  /** The field with the messages: `"messages"`. */
  readonly messages: string;
  /** A user's text as a message. */
  readonly message: (text: string) => object;
  /** Fields that a prompt cannot say. */
  readonly samplers: readonly string[];
  /** Fields that offer tools. */
  readonly tools: readonly string[];
  /** How to have samples that hold calls of tools, for the message of the error: `openAISampler({ samples: "message" })`. */
  readonly forTools: string;
}

/**
 * The fields of a request that a prompt is: a user's text, messages, or messages with more of a request's fields.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_REQUEST` for what is none of these, says what is the sampler's to say, or has tools where samples are
 * texts (`asTexts`).
 */
export function promptFields(prompt: unknown, rules: PromptRules, asTexts: boolean): Record<string, unknown> {
  const { messages, message, samplers, tools, forTools } = rules;
  if (typeof prompt === "string") return { [messages]: [message(prompt)] };
  if (Array.isArray(prompt)) return { [messages]: [...(prompt as readonly unknown[])] };
  const fields = (typeof prompt === "object" && prompt !== null ? prompt : {}) as Record<string, unknown>;
  if (!Array.isArray(fields[messages]))
    throw wrong(`A prompt is a text, a list of messages, or an object with ${messages}.`);
  for (const name of samplers)
    if (fields[name] !== undefined) throw wrong(`A prompt cannot say ${name}: that is the sampler's.`);
  if (asTexts && tools.some((name) => fields[name] !== undefined))
    throw wrong(`A prompt with tools needs ${forTools}.`);
  return fields;
}

function wrong(message: string): LLMCacheError {
  return new LLMCacheError("ERR_LLMCACHE_REQUEST", message);
}
