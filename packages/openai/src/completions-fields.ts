import type { FieldOf, FieldRole } from "@llmcache/fetch";
import type { CompletionCreateParams } from "openai/resources/completions";

/**
 * Every field of a request for completions (the old ones, of a bare text) that the SDK knows. The type check fails when the SDK
 * gains one, until somebody decides about it here. Fields that the SDK does not know count.
 */
export const COMPLETIONS_FIELDS: Readonly<Record<FieldOf<CompletionCreateParams>, FieldRole>> = {
  model: "counts",
  prompt: "counts",
  best_of: "counts",
  echo: "counts",
  frequency_penalty: "counts",
  logit_bias: "counts",
  logprobs: "counts",
  max_tokens: "counts",
  n: "counts",
  presence_penalty: "counts",
  seed: "counts",
  stop: "counts",
  // The form of the answer: one entry serves both.
  stream: "ignored",
  stream_options: "ignored",
  suffix: "counts",
  temperature: "counts",
  top_p: "counts",
  // Who asks, for the provider's protection against abuse.
  user: "ignored",
} satisfies Record<FieldOf<CompletionCreateParams>, FieldRole>;
