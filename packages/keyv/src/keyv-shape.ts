/**
 * What this package needs of Keyv 6: declared here, because instances and adapters are accepted by their shape, from whichever
 * copy of Keyv they come.
 */

/** A storage adapter of Keyv 6: its times are instants (`capabilities.expires` says so). */
export interface KeyvAdapter {
  readonly namespace?: string | undefined;
  readonly capabilities?: { readonly expires?: boolean | undefined } | undefined;
  get(key: string): Promise<unknown>;
  getMany?(keys: string[]): Promise<unknown>;
  /** @param expires ms since the epoch. */
  set(key: string, value: unknown, expires?: number): Promise<unknown>;
  setMany?(entries: KeyvAdapterEntry[]): Promise<unknown>;
  delete(key: string): Promise<unknown>;
  deleteMany?(keys: string[]): Promise<unknown>;
  clear(): Promise<unknown>;
  iterator?(): AsyncIterable<unknown>;
  disconnect?(): Promise<unknown>;
  on?(event: string, listener: (error: unknown) => void): unknown;
  off?(event: string, listener: (error: unknown) => void): unknown;
}

/** One item of {@link KeyvAdapter.setMany}. */
export interface KeyvAdapterEntry {
  key: string;
  value: unknown;
  expires?: number;
}

/** An instance of Keyv 6. */
export interface KeyvInstance {
  readonly namespace?: string | undefined;
  /** Milliseconds. */
  readonly ttl?: number | undefined;
  readonly store: KeyvAdapter;
  encode(data: { readonly value: string; readonly expires?: number | undefined }): Promise<unknown>;
  decode(data: unknown): Promise<unknown>;
}

/** The adapters that Keyv puts around a Map, or around an adapter of Keyv 5. */
interface Wrapper {
  readonly capabilities?: { readonly methods?: { readonly iterator?: { readonly exists?: boolean } } };
  readonly store: object;
}

const METHODS = ["get", "set", "delete", "clear"] as const;

export function isAdapter(value: unknown): value is KeyvAdapter {
  return hasMethods(value, METHODS) && (value as KeyvAdapter).capabilities?.expires === true;
}

export function isInstance(value: unknown): value is KeyvInstance {
  return hasMethods(value, ["encode", "decode"]) && isAdapter((value as Partial<KeyvInstance>).store);
}

/** Can it list its keys? A wrapper always has an iterator, but one that yields nothing if what is wrapped has none. */
export function canList(adapter: KeyvAdapter): boolean {
  if (typeof adapter.iterator !== "function") return false;
  const wrapper = wrapperOf(adapter);
  return (
    wrapper === undefined || wrapper.store instanceof Map || wrapper.capabilities?.methods?.iterator?.exists === true
  );
}

/**
 * Does its own `clear` keep to its namespace? Adapters of Keyv 6 compare namespaces as they are; a wrapper goes by how keys
 * begin, or passes the call on to an adapter that may match patterns, or knows no namespaces at all.
 */
export function clearsItsNamespaceAlone(adapter: KeyvAdapter): boolean {
  return wrapperOf(adapter) === undefined;
}

/** Is it a Map in this process, out of the reach of others? */
export function isInProcess(adapter: KeyvAdapter): boolean {
  return placeOf(adapter) instanceof Map;
}

/** What holds the data, as far as that can be told: adapters that wrap the same object have the same place. */
export function placeOf(adapter: KeyvAdapter): object {
  return wrapperOf(adapter)?.store ?? adapter;
}

function wrapperOf(adapter: KeyvAdapter): Wrapper | undefined {
  const wrapper = adapter as unknown as Partial<Wrapper>;
  return hasMethods(wrapper.store, ["get"]) ? (wrapper as Wrapper) : undefined;
}

function hasMethods(value: unknown, names: readonly string[]): boolean {
  if (typeof value !== "object" || value === null) return false;
  return names.every((name) => typeof (value as Readonly<Record<string, unknown>>)[name] === "function");
}
