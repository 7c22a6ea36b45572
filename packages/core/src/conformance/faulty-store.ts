import { Body } from "../body.ts";
import type { Entry } from "../entry.ts";
import type { CacheKey } from "../key.ts";
import type {
  EntriesOptions,
  ListedEntry,
  Store,
  StoreAddOptions,
  StoreCallOptions,
  StoreEvent,
  StoreHit,
} from "../store.ts";

/** The methods of a store that a fault can be put on. */
export type StoreMethod = "get" | "set" | "add" | "delete" | "clear" | "rejectPair" | "getMany" | "setMany" | "entries";

/** Holds calls back; see {@link FaultyStore.hang} and {@link FaultyStore.delay}. */
export interface FaultGate {
  /** How many calls stand before it now. */
  readonly waiting: number;
  /** Fulfilled once a call stands before it, or has. */
  readonly arrived: Promise<void>;
  /** Lets all calls go on, also those still to come. */
  open(): void;
}

interface Fault {
  readonly before: (signal: AbortSignal | undefined) => Promise<void>;
  readonly end: () => void;
}

const METHODS: readonly StoreMethod[] = [
  "get",
  "set",
  "add",
  "delete",
  "clear",
  "rejectPair",
  "getMany",
  "setMany",
  "entries",
];

/**
 * A store that misbehaves as told, around one that does not: for tests of what stands above stores. A fault lasts until
 * {@link FaultyStore.heal} and is put on one method, or on all of them where none is named. It has the optional methods that
 * the store inside has, and disposes it.
 */
export class FaultyStore implements Store {
  readonly contract = 1;
  readonly name: string;
  readonly match: "exact" | "similar";
  readonly expiry: "native" | "swept";
  readonly origin?: Store;
  /** How often each method was called, failed calls included. */
  readonly calls: Readonly<Record<StoreMethod, number>>;
  readonly rejectPair?: NonNullable<Store["rejectPair"]>;
  readonly getMany?: NonNullable<Store["getMany"]>;
  readonly setMany?: NonNullable<Store["setMany"]>;
  readonly entries?: NonNullable<Store["entries"]>;
  readonly on?: NonNullable<Store["on"]>;
  readonly #inner: Store;
  readonly #calls: Record<StoreMethod, number> = {
    get: 0,
    set: 0,
    add: 0,
    delete: 0,
    clear: 0,
    rejectPair: 0,
    getMany: 0,
    setMany: 0,
    entries: 0,
  };
  readonly #faults: Map<StoreMethod, Fault> = new Map<StoreMethod, Fault>();
  #change: ((hit: StoreHit | undefined) => StoreHit | undefined) | undefined;

  constructor(inner: Store) {
    this.#inner = inner;
    this.calls = this.#calls;
    this.name = `faulty ${inner.name}`;
    this.match = inner.match;
    this.expiry = inner.expiry;
    if (inner.origin !== undefined) this.origin = inner.origin;
    if (inner.rejectPair)
      this.rejectPair = (asked, stored, options) =>
        this.#through("rejectPair", options, async () => inner.rejectPair?.(asked, stored, options));
    if (inner.getMany) this.getMany = (keys, options) => this.#getMany(keys, options);
    if (inner.setMany)
      this.setMany = (entries, options) =>
        this.#through("setMany", options, async () => inner.setMany?.(entries, options));
    if (inner.entries) this.entries = (options) => this.#entries(options);
    if (inner.on) this.on = (listener: (event: StoreEvent) => void) => inner.on?.(listener) ?? (() => undefined);
  }

  async get(key: CacheKey, options?: StoreCallOptions): Promise<StoreHit | undefined> {
    const hit = await this.#through("get", options, () => this.#inner.get(key, options));
    return this.#change ? this.#change(hit) : hit;
  }

  async set(entry: Entry, options?: StoreCallOptions): Promise<void> {
    await this.#through("set", options, () => this.#inner.set(entry, options));
  }

  async add(entry: Entry, options?: StoreAddOptions): Promise<boolean> {
    return this.#through("add", options, () => this.#inner.add(entry, options));
  }

  async delete(key: Pick<CacheKey, "id">, options?: StoreCallOptions): Promise<void> {
    await this.#through("delete", options, () => this.#inner.delete(key, options));
  }

  async clear(options?: StoreCallOptions): Promise<void> {
    await this.#through("clear", options, () => this.#inner.clear(options));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inner[Symbol.asyncDispose]();
  }

  /** Calls reject with `error`: always, or only the next `times`. */
  fail(
    method?: StoreMethod,
    error: unknown = new Error("The store was told to fail."),
    times: number = Number.POSITIVE_INFINITY,
  ): void {
    let left = times;
    this.#put(method, {
      before: async () => {
        if (left-- > 0) throw error;
      },
      end: () => undefined,
    });
  }

  /** Calls wait until the gate is opened, the store is healed or their signal is aborted (they reject with its reason). */
  hang(method?: StoreMethod): FaultGate {
    return this.#hold(method, true);
  }

  /** Calls wait until the gate is opened or the store is healed, whatever their signal says. */
  delay(method?: StoreMethod): FaultGate {
    return this.#hold(method, false);
  }

  /** `get` and `getMany` find nothing. */
  lose(): void {
    this.#change = () => undefined;
  }

  /** `get` and `getMany` give entries whose body was damaged: `json()` throws, bytes are cut in half. */
  corrupt(): void {
    this.#change = (hit) => hit && { ...hit, entry: { ...hit.entry, body: damaged(hit.entry.body) } };
  }

  /** Ends all faults; calls that were held go on. */
  heal(): void {
    for (const fault of this.#faults.values()) fault.end();
    this.#faults.clear();
    this.#change = undefined;
  }

  async #getMany(keys: readonly CacheKey[], options?: StoreCallOptions): Promise<readonly (StoreHit | undefined)[]> {
    const hits = await this.#through("getMany", options, () => this.#inner.getMany?.(keys, options));
    return this.#change ? (hits ?? []).map(this.#change) : (hits ?? []);
  }

  async *#entries(options: EntriesOptions | undefined): AsyncGenerator<ListedEntry> {
    await this.#enter("entries", options?.signal);
    yield* this.#inner.entries?.(options) ?? [];
  }

  async #through<T>(method: StoreMethod, options: StoreCallOptions | undefined, run: () => T | Promise<T>): Promise<T> {
    await this.#enter(method, options?.signal);
    return run();
  }

  async #enter(method: StoreMethod, signal: AbortSignal | undefined): Promise<void> {
    this.#calls[method]++;
    await this.#faults.get(method)?.before(signal);
  }

  #put(method: StoreMethod | undefined, fault: Fault): void {
    for (const name of method === undefined ? METHODS : [method]) {
      this.#faults.get(name)?.end();
      this.#faults.set(name, fault);
    }
  }

  #hold(method: StoreMethod | undefined, heedsSignal: boolean): FaultGate {
    const opened = Promise.withResolvers<void>();
    const arrived = Promise.withResolvers<void>();
    let waiting = 0;
    const before = async (signal: AbortSignal | undefined): Promise<void> => {
      waiting++;
      arrived.resolve();
      try {
        await (heedsSignal && signal ? untilAborted(opened.promise, signal) : opened.promise);
      } finally {
        waiting--;
      }
    };
    this.#put(method, { before, end: opened.resolve });
    return {
      get waiting(): number {
        return waiting;
      },
      arrived: arrived.promise,
      open: opened.resolve,
    };
  }
}

async function untilAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

function damaged(body: Body): Body {
  const bytes = body.bytes();
  return body.kind === "json"
    ? Body.stored("json", Buffer.from('{"cut'))
    : Body.bytes(bytes.subarray(0, bytes.byteLength >> 1));
}
