export { MemorySemanticStore, type Loaded, type Usage } from "./memory-semantic-store.ts";
export type { CandidatePolicy, MemorySemanticStoreOptions } from "./options.ts";
