import type { FieldOf, FieldRole } from "@llmcache/fetch";
import type { ChatCompletionCreateParams } from "openai/resources/chat/completions";

/**
 * Every field of a chat request that the SDK knows. The type check fails when the SDK gains one, until somebody decides about
 * it here. Fields that the SDK does not know count.
 */
export const CHAT_FIELDS: Readonly<Record<FieldOf<ChatCompletionCreateParams>, FieldRole>> = {
  messages: "counts",
  model: "counts",
  audio: "counts",
  frequency_penalty: "counts",
  function_call: "counts",
  functions: "counts",
  logit_bias: "counts",
  logprobs: "counts",
  max_completion_tokens: "counts",
  max_tokens: "counts",
  // Labels for the provider's logs.
  metadata: "ignored",
  modalities: "counts",
  moderation: "counts",
  n: "counts",
  parallel_tool_calls: "counts",
  prediction: "counts",
  presence_penalty: "counts",
  prompt_cache_key: "counts",
  prompt_cache_options: "counts",
  prompt_cache_retention: "counts",
  reasoning_effort: "counts",
  response_format: "counts",
  // Who asks, for the provider's protection against abuse.
  safety_identifier: "ignored",
  seed: "counts",
  service_tier: "counts",
  stop: "counts",
  store: "counts",
  // The form of the answer: one entry serves both.
  stream: "ignored",
  stream_options: "ignored",
  temperature: "counts",
  tool_choice: "counts",
  tools: "counts",
  top_logprobs: "counts",
  top_p: "counts",
  // The older name of safety_identifier.
  user: "ignored",
  verbosity: "counts",
  web_search_options: "counts",
} satisfies Record<FieldOf<ChatCompletionCreateParams>, FieldRole>;
