export type { FieldRole, ModelAlias } from "@llmcache/fetch";
export { cachedFetch, cachedGoogle, type CachedGoogleOptions } from "./cached-google.ts";
export type { CachedGoogle, CachedModels, WithCache } from "./cached-methods.ts";
export { googleEmbedContent } from "./embed-format.ts";
export type { GoogleFormatOptions } from "./format-options.ts";
export { googleFormats } from "./formats.ts";
export { googleGenerateContent } from "./generate-format.ts";
export { EMBED_FIELDS, GENERATE_FIELDS } from "./request-fields.ts";
export type { StoreAnyway } from "./store-anyway.ts";
