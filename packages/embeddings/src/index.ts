export type { BatchOptions } from "./batch-options.ts";
export { batched } from "./batched.ts";
export { embedder, type NamedEmbedderOptions } from "./embedder.ts";
export { openAIEmbedder, type EmbeddingsClient, type OpenAIEmbedderOptions } from "./openai-embedder.ts";
export type { BatchedEmbedder, TextModel } from "./text-model.ts";
export { transformersEmbedder, type TransformersLibrary, type TransformersOptions } from "./transformers-embedder.ts";
export { useLiteEmbedder, type UseLiteOptions } from "./use-lite-embedder.ts";
