export { MemorySemanticStore, type Loaded, type Usage } from "./memory-semantic-store.ts";
export type { CandidatePolicy } from "@llmcache/similarity/stores";
export type { MemorySemanticStoreOptions } from "./options.ts";
