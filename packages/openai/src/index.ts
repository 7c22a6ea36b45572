export {
  cachedFetch,
  cachedOpenAI,
  type CachedChatCompletions,
  type CachedOpenAI,
  type CachedOpenAIOptions,
  type CachedRequestOptions,
  type CachedRunnerOptions,
} from "./cached-openai.ts";
export { IGNORED_FIELDS } from "./chat-fields.ts";
export { COUNTED_HEADERS, openAIChat, type OpenAIChatOptions } from "./chat-format.ts";
export type { StoreAnyway } from "./chat-gate.ts";
