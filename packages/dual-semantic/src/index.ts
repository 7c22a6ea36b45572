export { DualSemanticStore } from "./dual-semantic-store.ts";
export { dualSemanticStore, type DualSemanticConnectionOptions } from "./factory.ts";
export type { DualSemanticSettings, DualSemanticStoreOptions, NearOptions } from "./options.ts";
