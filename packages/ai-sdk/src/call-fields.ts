import type {
  EmbeddingModelV4CallOptions,
  ImageModelV4CallOptions,
  LanguageModelV4CallOptions,
} from "@ai-sdk/provider";
import type { FieldRole } from "./field-roles.ts";

/**
 * Every field of a call that the specification knows. The type check fails when it gains one, until somebody decides about it here.
 * Fields that it does not know count.
 */
export const LANGUAGE_FIELDS: Readonly<Record<keyof LanguageModelV4CallOptions, FieldRole>> = {
  prompt: "elsewhere",
  maxOutputTokens: "counts",
  temperature: "counts",
  stopSequences: "counts",
  topP: "counts",
  topK: "counts",
  presencePenalty: "counts",
  frequencyPenalty: "counts",
  responseFormat: "counts",
  seed: "counts",
  tools: "counts",
  toolChoice: "counts",
  // Counts where it is true: false is what it is where it is not given.
  includeRawChunks: "elsewhere",
  abortSignal: "ignored",
  // Those that are listed.
  headers: "elsewhere",
  reasoning: "counts",
  // Less our own and what labels the caller.
  providerOptions: "elsewhere",
} satisfies Record<keyof LanguageModelV4CallOptions, FieldRole>;

/** The same for embeddings. */
export const EMBEDDING_FIELDS: Readonly<Record<keyof EmbeddingModelV4CallOptions, FieldRole>> = {
  values: "elsewhere",
  dimensions: "counts",
  abortSignal: "ignored",
  providerOptions: "elsewhere",
  headers: "elsewhere",
} satisfies Record<keyof EmbeddingModelV4CallOptions, FieldRole>;

/** The same for images. */
export const IMAGE_FIELDS: Readonly<Record<keyof ImageModelV4CallOptions, FieldRole>> = {
  prompt: "elsewhere",
  n: "counts",
  size: "counts",
  aspectRatio: "counts",
  seed: "counts",
  files: "elsewhere",
  mask: "elsewhere",
  providerOptions: "elsewhere",
  abortSignal: "ignored",
  headers: "elsewhere",
} satisfies Record<keyof ImageModelV4CallOptions, FieldRole>;
