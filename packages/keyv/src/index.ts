export { KeyvStore, type KeyvStoreOptions } from "./keyv-store.ts";
export type { KeyvAdapter, KeyvAdapterEntry, KeyvInstance } from "./keyv-shape.ts";
