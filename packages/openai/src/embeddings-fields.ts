import type { FieldOf, FieldRole } from "@llmcache/fetch";
import type { EmbeddingCreateParams } from "openai/resources/embeddings";

/**
 * Every field of a request for embeddings that the SDK knows. The type check fails when the SDK gains one, until somebody decides
 * about it here. Fields that the SDK does not know count.
 */
export const EMBEDDINGS_FIELDS: Readonly<Record<FieldOf<EmbeddingCreateParams>, FieldRole>> = {
  // Item by item; where it stands in the list does not count.
  input: "counts",
  model: "counts",
  dimensions: "counts",
  // The form of the answer: one entry serves both, unless fields are there that may change what it says.
  encoding_format: "ignored",
  // Who asks, for the provider's protection against abuse.
  user: "ignored",
} satisfies Record<FieldOf<EmbeddingCreateParams>, FieldRole>;

/**
 * Fields of other providers that say the same of each item. Whatever else a request holds may make an item's vector depend on the
 * items beside it (late chunking does): such a list is taken as a whole.
 */
export const ITEM_FIELDS: ReadonlySet<string> = new Set([
  ...Object.keys(EMBEDDINGS_FIELDS),
  "input_type",
  "keep_alive",
  "normalized",
  "output_dimension",
  "output_dtype",
  "prompt_name",
  "task",
  "truncate",
  "truncate_prompt_tokens",
  "truncation",
]);
