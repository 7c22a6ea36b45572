import type { FieldOf, FieldRole } from "@llmcache/fetch";
import type { ResponseCreateParams } from "openai/resources/responses/responses";

/**
 * Every field of a Responses request that the SDK knows. The type check fails when the SDK gains one, until somebody decides
 * about it here. Fields that the SDK does not know count. Unlike a chat completion, a Response repeats most of its request
 * (`metadata`, `user`, `safety_identifier`): these count, or one user's would be told to another.
 */
export const RESPONSES_FIELDS: Readonly<Record<FieldOf<ResponseCreateParams>, FieldRole>> = {
  access_programs: "counts",
  // `true` is not cached at all: the answer is only a receipt.
  background: "counts",
  context_management: "counts",
  // Not cached at all: what was said in it may have changed, and the answer is added to it.
  conversation: "counts",
  image: "counts",
  include: "counts",
  input: "counts",
  instructions: "counts",
  max_output_tokens: "counts",
  max_tool_calls: "counts",
  metadata: "counts",
  model: "counts",
  moderation: "counts",
  parallel_tool_calls: "counts",
  previous_response_id: "counts",
  prompt: "counts",
  prompt_cache_key: "counts",
  prompt_cache_options: "counts",
  prompt_cache_retention: "counts",
  reasoning: "counts",
  safety_identifier: "counts",
  service_tier: "counts",
  // Whether the answer's id can be used in later requests.
  store: "counts",
  // The form of the answer: one entry serves both.
  stream: "ignored",
  // Only padding.
  stream_options: "ignored",
  temperature: "counts",
  text: "counts",
  tool_choice: "counts",
  tools: "counts",
  top_logprobs: "counts",
  top_p: "counts",
  truncation: "counts",
  user: "counts",
} satisfies Record<FieldOf<ResponseCreateParams>, FieldRole>;
