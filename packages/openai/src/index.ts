export type { FieldRole, ModelAlias } from "@llmcache/fetch";
export type { CachedListMethods, CachedTranscriptions, CachedTranslations } from "./cached-list-methods.ts";
export type {
  CachedChatCompletions,
  CachedCompletions,
  CachedOpenAI,
  CachedRequestOptions,
  CachedResponses,
  CachedRunnerOptions,
} from "./cached-methods.ts";
export { cachedFetch, cachedOpenAI, type CachedOpenAIOptions } from "./cached-openai.ts";
export { CHAT_FIELDS } from "./chat-fields.ts";
export { openAIChat } from "./chat-format.ts";
export { COMPLETIONS_FIELDS } from "./completions-fields.ts";
export { openAICompletions } from "./completions-format.ts";
export type { Equivalence } from "./equivalence.ts";
export type { OpenAIFormatOptions } from "./format-options.ts";
export { openAIFormats, type OpenAIFormatsOptions } from "./formats.ts";
export { COUNTED_HEADERS } from "./identity.ts";
export { RESPONSES_FIELDS } from "./responses-fields.ts";
export { openAIResponses } from "./responses-format.ts";
export type { StoreAnyway } from "./store-anyway.ts";
export { openAIEmbeddings } from "./embeddings-format.ts";
export { openAITranscriptions, openAITranslations } from "./audio-format.ts";
export { openAIImages } from "./images-format.ts";
export { openAIModerations } from "./moderations-format.ts";
