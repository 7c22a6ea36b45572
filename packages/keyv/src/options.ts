import { OptionChecks, type Codec } from "@llmcache/core";
import { isAdapter, isInstance, type KeyvAdapter, type KeyvInstance } from "./keyv-shape.ts";

/** Options of `KeyvStore`: either `keyv` or `adapter`, and what else is wanted. */
export interface KeyvStoreOptions {
  /** A Keyv 6: its serialization, compression, encryption, namespace and default lifetime are used, its hooks and statistics are not. */
  readonly keyv?: KeyvInstance | undefined;
  /** A storage adapter of Keyv 6 without a Keyv around it: frames are stored as they are, which takes less room. */
  readonly adapter?: KeyvAdapter | undefined;
  /**
   * What every key begins with. `""` says that the Keyv's or adapter's namespace belongs to this store alone; then there must be one.
   * @default "llmcache-"
   */
  readonly prefix?: string | undefined;
  /** Compresses or encrypts what is stored. Entries of another codec are misses. What a codec makes is stored as base64. */
  readonly codec?: Codec | undefined;
  /** An entry whose text is longer is not stored, and what was stored under its id is dropped. @default 67108864 (64 Mi) */
  readonly maxEntryBytes?: number | undefined;
  /** A call that the adapter has not answered after so long rejects. Milliseconds. @default 10000 */
  readonly timeoutMs?: number | undefined;
  /** Disposing also disconnects the adapter: for stores that nobody else knows the Keyv of. @default false */
  readonly disconnect?: boolean | undefined;
}

/** {@link KeyvStoreOptions} after they were checked. */
export interface KeyvSettings {
  readonly keyv: KeyvInstance | undefined;
  readonly adapter: KeyvAdapter;
  readonly namespace: string;
  readonly prefix: string;
  readonly codec: Codec | undefined;
  readonly maxEntryBytes: number;
  readonly timeoutMs: number;
  readonly disconnect: boolean;
}

const check: OptionChecks = new OptionChecks("KeyvStore");

const DEFAULT_PREFIX = "llmcache-";
const DEFAULT_MAX_ENTRY_BYTES = 64 * 1024 ** 2;
const DEFAULT_TIMEOUT_MS = 10_000;
/** Memcached allows 250 characters in a key. */
const PREFIX = /^[!-~]{0,150}$/;

/** @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming the field. */
export function keyvSettings(options: KeyvStoreOptions): KeyvSettings {
  const {
    keyv,
    prefix = DEFAULT_PREFIX,
    codec,
    maxEntryBytes = DEFAULT_MAX_ENTRY_BYTES,
    timeoutMs = DEFAULT_TIMEOUT_MS,
    disconnect = false,
  } = options;
  const adapter = adapterOf(options);
  const namespace = namespaceOf(keyv, adapter);
  if (typeof prefix !== "string" || !PREFIX.test(prefix))
    throw check.wrong("prefix", "up to 150 printable ASCII characters without spaces", prefix);
  if (prefix === "" && namespace === "") {
    throw check.error(
      'prefix "" is only for a Keyv or adapter with a namespace of its own: without one, the data of others could be meant. Give either.',
    );
  }
  if (namespace !== "" && prefix.startsWith(`${namespace}:`)) {
    throw check.error(
      `prefix must not begin with the namespace and a colon (${JSON.stringify(`${namespace}:`)}): adapters take it for the namespace and drop it.`,
    );
  }
  check.whole("maxEntryBytes", maxEntryBytes);
  check.ms("timeoutMs", timeoutMs);
  check.flag("disconnect", disconnect);
  check.codec(codec);
  return { keyv, adapter, namespace, prefix, codec, maxEntryBytes, timeoutMs, disconnect };
}

/** The namespace in which a Keyv or adapter is, `""` for none. */
export function namespaceOf(keyv: KeyvInstance | undefined, adapter: KeyvAdapter): string {
  return (keyv ?? adapter).namespace ?? "";
}

function adapterOf({ keyv, adapter }: KeyvStoreOptions): KeyvAdapter {
  if ((keyv === undefined) === (adapter === undefined))
    throw check.error("give either keyv, an instance of Keyv 6, or adapter, one of its storage adapters.");
  if (keyv !== undefined) {
    if (isInstance(keyv)) return keyv.store;
    throw check.error("keyv must be an instance of Keyv 6 (new Keyv({ store })).");
  }
  if (isAdapter(adapter)) return adapter;
  throw check.error(
    "adapter must be a storage adapter of Keyv 6. Put a Keyv around anything else (a Map, an adapter of Keyv 5): keyv: new Keyv({ store: adapter }).",
  );
}
