import { describe, expect, test } from "vitest";
import {
  Body,
  decodeEntry,
  encodeEntry,
  isReserved,
  LLMCacheError,
  MapStore,
  mayReplace,
  type CacheKey,
  type EntriesOptions,
  type Entry,
  type EntryHead,
  type Json,
  type ListedEntry,
  type Store,
  type StoreAddOptions,
  type StoreCallOptions,
  type StoreEvent,
  type StoreHit,
} from "@llmcache/core";
import {
  FaultyStore,
  sampleEntry,
  sampleId,
  storeChecks,
  type StoreCheckContext,
  type StoreCheckOptions,
} from "@llmcache/core/conformance";

type Backend = Map<string, Uint8Array>;

const MAX_ENTRY_BYTES = 1_500_000;

/** Does everything right on a shared backend, so that everything can be broken one at a time. */
class ReferenceStore implements Store {
  readonly contract = 1;
  readonly name = "reference";
  readonly match: "exact" | "similar" = "exact";
  readonly expiry: "native" | "swept" = "swept";
  readonly backend: Backend;
  readonly prefix: string;
  readonly listeners: Set<(event: StoreEvent) => void> = new Set();

  constructor(backend: Backend, label: string) {
    this.backend = backend;
    this.prefix = `${label}/`;
  }

  read(id: string): Entry | undefined {
    const frame = this.backend.get(this.prefix + id);
    return frame && decodeEntry(frame, { id });
  }

  write(entry: Entry): boolean {
    const frame = encodeEntry(entry);
    if (frame.byteLength > MAX_ENTRY_BYTES) {
      this.backend.delete(this.prefix + entry.id);
      this.tell({ store: this.name, type: "too-large", message: "too large", id: entry.id });
      return false;
    }
    this.backend.set(this.prefix + entry.id, frame);
    return true;
  }

  tell(event: StoreEvent): void {
    for (const listener of this.listeners) {
      try {
        listener(event);
      } catch {
        // A listener's trouble is not the store's.
      }
    }
  }

  async get(key: CacheKey, _options?: StoreCallOptions): Promise<StoreHit | undefined> {
    const entry = this.read(key.id);
    return entry && { entry };
  }

  async set(entry: Entry, _options?: StoreCallOptions): Promise<void> {
    this.write(entry);
  }

  async add(entry: Entry, options: StoreAddOptions = {}): Promise<boolean> {
    const there = this.read(entry.id);
    return there !== undefined && !mayReplace(there, entry, options.over) ? false : this.write(entry);
  }

  async delete(key: Pick<CacheKey, "id">, _options?: StoreCallOptions): Promise<void> {
    this.backend.delete(this.prefix + key.id);
  }

  async clear(_options?: StoreCallOptions): Promise<void> {
    for (const name of this.backend.keys()) if (name.startsWith(this.prefix)) this.backend.delete(name);
  }

  async getMany(keys: readonly CacheKey[]): Promise<readonly (StoreHit | undefined)[]> {
    return Promise.all(keys.map((key) => this.get(key)));
  }

  async setMany(entries: readonly Entry[]): Promise<void> {
    for (const entry of entries) this.write(entry);
  }

  async *entries({
    after = "",
    limit = Number.POSITIVE_INFINITY,
    bodies = false,
  }: EntriesOptions = {}): AsyncGenerator<ListedEntry> {
    let given = 0;
    for (const name of [...this.backend.keys()].filter((key) => key.startsWith(this.prefix)).toSorted()) {
      const cursor = name.slice(this.prefix.length);
      const entry = this.read(cursor);
      if (cursor <= after || entry === undefined || isReserved(entry)) continue;
      if (given++ >= limit) return;
      const { body, ...head } = entry;
      yield { head, size: body.size, cursor, ...(bodies ? { body } : {}) };
    }
  }

  on(listener: (event: StoreEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The backend is somebody else's.
  }
}

type Break = (store: ReferenceStore, inner: ReferenceStore) => void;

/** A reference store with something broken; `inner` is one with the same prefix that is not. */
function broken(backend: Backend, context: StoreCheckContext, change: Break): Store {
  const store = new ReferenceStore(backend, context.label);
  change(store, new ReferenceStore(backend, context.label));
  return store;
}

function optionsFor(backend: Backend, change: Break, more: StoreCheckOptions = {}): StoreCheckOptions {
  return {
    reopen: async (store, context) => {
      await store[Symbol.asyncDispose]();
      return broken(backend, context, change);
    },
    sibling: (_, context) => broken(backend, context, change),
    maxEntryBytes: MAX_ENTRY_BYTES,
    ...more,
  };
}

/** Breaks what is read. */
const reading =
  (change: (entry: Entry) => Entry | undefined): Break =>
  (store, inner) => {
    store.read = (id) => {
      const entry = inner.read(id);
      return entry && change(entry);
    };
  };
/** Breaks what is written. */
const writing =
  (change: (entry: Entry) => Entry): Break =>
  (store, inner) => {
    store.write = (entry) => inner.write(change(entry));
  };
const without = (...members: readonly string[]): Break =>
  reading(
    (entry) =>
      Object.fromEntries(Object.entries(entry).filter(([name]) => !members.includes(name))) as unknown as Entry,
  );
const json = (change: (value: Json) => unknown): Break =>
  reading((entry) => (entry.body.kind === "json" ? { ...entry, body: Body.json(change(entry.body.json())) } : entry));
const addsLike =
  (may: (there: Entry, entry: Entry, over: StoreAddOptions["over"]) => boolean): Break =>
  (store) => {
    store.add = async (entry, { over } = {}) => {
      const there = store.read(entry.id);
      return there !== undefined && !may(there, entry, over) ? false : store.write(entry);
    };
  };
/** Looks, lets the others look, then writes. */
const addsLate =
  (when: (entry: Entry, over: StoreAddOptions["over"], there: Entry | undefined) => boolean): Break =>
  (store, inner) => {
    store.add = async (entry, options = {}) => {
      const there = inner.read(entry.id);
      if (there !== undefined && !mayReplace(there, entry, options.over)) return false;
      if (!when(entry, options.over, there)) return inner.write(entry);
      await Promise.resolve();
      return inner.write(entry);
    };
  };
const lists =
  (
    change: (items: AsyncIterable<ListedEntry>, options: EntriesOptions) => AsyncGenerator<ListedEntry>,
    options?: EntriesOptions,
  ): Break =>
  (store, inner) => {
    store.entries = (given = {}) => change(inner.entries({ ...given, ...options }), given);
  };
const afterClosing =
  (then: (store: ReferenceStore) => void): Break =>
  (store) => {
    store[Symbol.asyncDispose] = async () => then(store);
  };
const isDead = ({ deleteAt }: EntryHead): boolean => deleteAt !== undefined;

/** For every check at least one store that it catches. */
const BROKEN: Readonly<Record<string, Readonly<Record<string, Break>>>> = {
  "says what it is: contract 1, a name, exact or similar, native or swept": {
    "has no kind of expiry": (store) => Object.assign(store, { expiry: "sometimes" }),
    "has another contract": (store) => Object.assign(store, { contract: 2 }),
  },
  "finds nothing under an id that was never stored": {
    "gives null for nothing": (store, inner) => {
      store.get = async (key) => (await inner.get(key)) ?? (null as unknown as undefined);
    },
    "gives anything": (store, inner) => {
      store.get = async (key) => (await inner.get(key)) ?? { entry: sampleEntry() };
    },
  },
  "keeps ids apart that differ in one digit": {
    "cuts ids short": (store, inner) => {
      store.read = (id) => {
        const frame = inner.backend.get(inner.prefix + id.slice(0, 62));
        const entry = frame && decodeEntry(frame);
        return entry && { ...entry, id };
      };
      store.write = (entry) => inner.write({ ...entry, id: entry.id.slice(0, 62) });
    },
  },
  "finds an entry by its id whatever scope and text the key has": {
    "looks at the text": (store, inner) => {
      store.get = async (key) => {
        const hit = await inner.get(key);
        return key.text === undefined || key.text === hit?.entry.text ? hit : undefined;
      };
    },
  },
  "gives what accept takes, whether it answers at once or later": {
    "does not wait for the verdict": (store, inner) => {
      store.get = async (key, options) => {
        const hit = await inner.get(key);
        return hit && (options?.accept?.(hit, key) ?? true) === true ? hit : undefined;
      };
    },
    "drops what is refused": (store, inner) => {
      store.get = async (key, options) => {
        const hit = await inner.get(key);
        if (hit && options?.accept && !(await options.accept(hit, key))) await inner.delete(key);
        return hit;
      };
    },
  },
  "gives back JSON values as they were stored": {
    "drops __proto__": json((value) =>
      JSON.parse(JSON.stringify(value), (name, member: unknown) => (name === "__proto__" ? undefined : member)),
    ),
    "is not well-formed": json((value) => (typeof value === "string" ? value.toWellFormed() : value)),
    "rounds numbers": json((value) =>
      Array.isArray(value) && value.includes(0.1)
        ? value.map((item) => Math.min(item, Number.MAX_SAFE_INTEGER - 1))
        : value,
    ),
  },
  "tells null, falsy and empty values from nothing": {
    "takes falsy values for nothing": reading((entry) =>
      entry.body.kind === "json" && !entry.body.json() ? undefined : entry,
    ),
    "gives null as text": json((value) => (value === null ? "null" : value)),
  },
  "gives back bytes as they were stored": {
    "keeps bytes as text": reading((entry) =>
      entry.body.kind === "bytes"
        ? { ...entry, body: Body.bytes(Buffer.from(Buffer.from(entry.body.bytes()).toString("utf8"))) }
        : entry,
    ),
  },
  "gives back empty bytes": {
    "takes empty bytes for nothing": reading((entry) =>
      entry.body.kind === "bytes" && entry.body.size === 0 ? undefined : entry,
    ),
  },
  "keeps bytes that are JSON text apart from JSON": {
    "parses what looks like JSON": reading((entry) => {
      const text = Buffer.from(entry.body.bytes()).toString("utf8");
      return text.startsWith("{") ? { ...entry, body: Body.json(JSON.parse(text)) } : entry;
    }),
  },
  "takes a body in either form: as a value and as stored bytes": {
    "counts bytes as characters": writing((entry) =>
      entry.body.held !== "value" && entry.body.kind === "json"
        ? { ...entry, body: Body.stored("json", Buffer.from(Buffer.from(entry.body.bytes()).toString("latin1"))) }
        : entry,
    ),
  },
  "keeps a body of 1 MiB (or as much as it may hold)": {
    "cuts at 512 kB": reading((entry) =>
      entry.body.size > 512_000 ? { ...entry, body: Body.bytes(entry.body.bytes().subarray(0, 512_000)) } : entry,
    ),
  },
  "keeps every member of the head": {
    "drops staleAt": without("staleAt"),
    "drops deleteAt": without("deleteAt"),
    "drops the tags": without("tags"),
    "drops the request": without("request"),
    "drops the scope": without("scope"),
    "drops the text": without("text"),
    "rounds createdAt to seconds": reading((entry) => ({
      ...entry,
      createdAt: Math.floor(entry.createdAt / 1000) * 1000 - 1,
    })),
    "rounds metadata": reading((entry) => ({
      ...entry,
      metadata: { ...entry.metadata, cost: Math.round(entry.metadata.cost ?? 0) },
    })),
  },
  "keeps unicode, numbers and long text in the head": {
    "keeps metadata in ASCII": reading((entry) => ({
      ...entry,
      metadata: JSON.parse(JSON.stringify(entry.metadata).replaceAll(/[^ -~]/g, "?")) as EntryHead["metadata"],
    })),
    "makes numbers text": reading((entry) => ({
      ...entry,
      metadata: Object.fromEntries(Object.entries(entry.metadata).map(([name, value]) => [name, String(value)])),
    })),
    "cuts text at 4096": reading((entry) => ({
      ...entry,
      ...(entry.text === undefined ? {} : { text: entry.text.slice(0, 4096) }),
    })),
  },
  "keeps members called __proto__ and constructor in the head": {
    "assigns member by member": reading((entry) => ({ ...entry, metadata: Object.assign({}, entry.metadata) })),
    "loses them in tags": reading((entry) => ({ ...entry, tags: Object.assign({}, entry.tags) })),
  },
  "leaves absent members absent": {
    "gives null for no deleteAt": reading((entry) => ({ deleteAt: null as unknown as number, ...entry })),
    "gives zero for no staleAt": reading((entry) => ({ staleAt: 0, ...entry })),
    "gives no tags as none": reading((entry) => ({ tags: {}, ...entry })),
  },
  "keeps null as a request apart from none": {
    "takes null for none": (store, inner) => {
      store.read = (id) => {
        const { request, ...entry } = inner.read(id) ?? sampleEntry();
        return request === null ? entry : inner.read(id);
      };
    },
  },
  "keeps instants beyond 2^31 ms from now and in the far future": {
    "counts in 32 bits": reading((entry) =>
      entry.deleteAt && entry.deleteAt - entry.createdAt > 2 ** 31 ? undefined : entry,
    ),
    "ends in the year 9999": reading((entry) => ({
      ...entry,
      ...(entry.deleteAt === undefined ? {} : { deleteAt: Math.min(entry.deleteAt, Date.UTC(9999, 11, 31)) }),
    })),
  },
  "keeps an entry that is stale but not yet dead": {
    "drops at staleAt": reading((entry) =>
      entry.staleAt && entry.staleAt - entry.createdAt <= 1000 ? undefined : entry,
    ),
  },
  "keeps an entry without instants whatever the time": {
    "ends everything": reading((entry) => (entry.deleteAt === undefined ? undefined : entry)),
  },
  "gives a dead entry whole or not at all": {
    "gives dead entries without a body": reading((entry) =>
      isDead(entry) ? { ...entry, body: Body.json(null) } : entry,
    ),
    "makes dead entries live on": reading((entry) =>
      isDead(entry) ? { ...entry, deleteAt: Number(entry.deleteAt) + 1 } : entry,
    ),
  },
  "keeps its own copy of what it was given": {
    "shares metadata": (store, inner) => {
      const heads = new Map<string, Entry>();
      store.write = (entry) => {
        heads.set(entry.id, entry);
        return inner.write(entry);
      };
      store.read = (id) => {
        const entry = inner.read(id);
        return entry && { ...entry, metadata: heads.get(id)?.metadata ?? entry.metadata };
      };
    },
    "keeps the very entry": (store) => {
      const entries = new Map<string, Entry>();
      store.write = (entry) => entries.set(entry.id, entry) !== undefined;
      store.read = (id) => entries.get(id);
    },
  },
  "gives every reader a copy of their own": {
    "gives the same object every time": (store, inner) => {
      const heads = new Map<string, Entry | undefined>();
      store.read = (id) => {
        if (!heads.has(id)) heads.set(id, inner.read(id));
        return heads.get(id);
      };
    },
  },
  "replaces the whole entry on set": {
    "merges metadata": (store, inner) => {
      store.write = (entry) =>
        inner.write({ ...entry, metadata: { ...inner.read(entry.id)?.metadata, ...entry.metadata } });
    },
    "keeps the former end": (store, inner) => {
      store.write = (entry) => {
        const deleteAt = entry.deleteAt ?? inner.read(entry.id)?.deleteAt;
        return inner.write(deleteAt === undefined ? entry : { ...entry, deleteAt });
      };
    },
    "keeps the newer": (store, inner) => {
      store.write = (entry) => entry.createdAt < (inner.read(entry.id)?.createdAt ?? 0) || inner.write(entry);
    },
  },
  "forgets what was deleted, and nothing else": {
    "does not delete": (store) => {
      store.delete = async () => undefined;
    },
    clears: (store) => {
      store.delete = () => store.clear();
    },
  },
  "takes a delete of nothing": {
    throws: (store, inner) => {
      store.delete = async (key) => {
        if (!inner.read(key.id)) throw new Error("not found");
      };
    },
  },
  "deletes by id alone": {
    "looks at the scope": (store, inner) => {
      store.delete = async (key: CacheKey) => {
        if (key.scope === inner.read(key.id)?.scope) await inner.delete(key);
      };
    },
    "deletes the scope": (store, inner) => {
      store.delete = async (key) => {
        const scope = inner.read(key.id)?.scope;
        for await (const { head } of inner.entries()) if (head.scope === scope) await inner.delete(head);
      };
    },
  },
  "adds where nothing is": {
    "never adds": (store) => {
      store.add = async () => false;
    },
    "says nothing": (store, inner) => {
      store.add = async (entry) => inner.write(entry) && (undefined as unknown as boolean);
    },
    "wants what is expected": (store, inner) => {
      store.add = async (entry, options) =>
        options?.over && !inner.read(entry.id) ? false : inner.add(entry, options);
    },
  },
  "refuses to add where an entry is": {
    overwrites: addsLike(() => true),
    "overwrites and says no": (store, inner) => {
      store.add = async (entry) => {
        const there = inner.read(entry.id);
        inner.write(entry);
        return there === undefined;
      };
    },
    "takes no end for a past one": addsLike((there, entry) => (there.deleteAt ?? 0) <= entry.createdAt),
  },
  "adds over a dead entry": {
    "does not": addsLike((there, _, over) => over?.createdAt === there.createdAt),
    "is late by one": addsLike((there, entry) => there.deleteAt !== undefined && there.deleteAt < entry.createdAt),
    "goes by its own clock": addsLike((there) => there.deleteAt !== undefined && there.deleteAt <= Date.now() - 1e9),
  },
  "refuses to add over an entry that is only stale": {
    "goes by staleAt": addsLike((there, entry) => there.staleAt !== undefined && there.staleAt <= entry.createdAt),
  },
  "adds over the entry that the caller refused": {
    "ignores over": addsLike((there, entry) => mayReplace(there, entry, undefined)),
  },
  "refuses to add over an entry that is no longer the refused one": {
    "takes any over for leave": addsLike((_there, _entry, over) => over !== undefined),
    "does not look at over's id": addsLike((there, _, over) => over?.createdAt === there.createdAt),
  },
  "adds by id alone": {
    "looks at the scope too": addsLike(
      (there, entry, over) => mayReplace(there, entry, over) || there.scope !== entry.scope,
    ),
    "looks at scope and text only": (store, inner) => {
      store.add = async (entry, options) => {
        for await (const { head } of inner.entries())
          if (head.scope === entry.scope && head.text === entry.text) return false;
        return inner.add(entry, options);
      };
    },
  },
  "lets its origin decide, if it has one": {
    "does not write to it": (store) => Object.assign(store, { origin: new MapStore() }),
    "does not ask it": (store, inner) => {
      const origin = new MapStore();
      store.add = async (entry, options) => {
        await origin.set(entry);
        return inner.add(entry, options);
      };
      Object.assign(store, { origin });
    },
  },
  "adds again after a delete": {
    "remembers what it deleted": (store, inner) => {
      const deleted = new Set<string>();
      store.delete = async (key) => {
        deleted.add(key.id);
        await inner.delete(key);
      };
      store.add = async (entry, options) => (deleted.has(entry.id) ? false : inner.add(entry, options));
    },
  },
  "lets exactly one of 32 racing adds win": { "looks before it writes": addsLate(() => true) },
  "lets exactly one of 32 racing adds over a dead entry win": {
    "looks before it writes there": addsLate((_entry, over, there) => there !== undefined && over === undefined),
  },
  "lets exactly one of 32 racing adds over the refused entry win": {
    "looks before it writes there": addsLate((_, over) => over !== undefined),
  },
  "tells by an event that add is not atomic": { "does not": () => undefined },
  "leaves one whole entry of ten racing sets": {
    "writes in two steps": (store, inner) => {
      store.set = async (entry) => {
        const former = inner.read(entry.id);
        inner.write({ ...entry, body: former?.body ?? entry.body });
        await Promise.resolve();
        inner.write({ ...(inner.read(entry.id) as Entry), body: entry.body, tags: { tag: "torn" } });
      };
    },
  },
  "keeps many concurrent operations apart": {
    "writes into the last one's place": (store, inner) => {
      let last: Entry | undefined;
      store.set = async (entry) => {
        last = entry;
        await Promise.resolve();
        inner.write({ ...last, id: entry.id });
      };
    },
  },
  "gives the hits of getMany in the order of the keys, undefined where nothing is": {
    "gives them in the backend's order": (store, inner) => {
      store.getMany = async (keys) => inner.getMany(keys.toSorted((a, b) => (a.id < b.id ? -1 : 1)));
    },
    "leaves out what is missing": (store, inner) => {
      store.getMany = async (keys) => (await inner.getMany(keys)).filter((hit) => hit !== undefined);
    },
  },
  "gives each duplicate in getMany its own hit": {
    "asks for each key once": (store, inner) => {
      store.getMany = async (keys) => {
        const once = [...new Set(keys.map((key) => key.id))];
        const hits = await inner.getMany(once.map((id) => ({ id })));
        return keys.map((key, index) => (once[index] === key.id ? hits[index] : undefined));
      };
    },
  },
  "takes empty lists": {
    throws: (store, inner) => {
      store.getMany = async (keys) => {
        if (keys.length === 0) throw new Error("wrong number of arguments for MGET");
        return inner.getMany(keys);
      };
    },
  },
  "stores everything that setMany is given": {
    "drops what is beyond its page": (store, inner) => {
      store.setMany = async (entries) => inner.setMany(entries.slice(0, 32));
    },
    "does not replace": (store, inner) => {
      store.setMany = async (entries) => {
        for (const entry of entries) if (!inner.read(entry.id)) inner.write(entry);
      };
    },
  },
  "lists every entry with its head and size": {
    "skips the last": lists(async function* (items) {
      let held: ListedEntry | undefined;
      for await (const item of items) {
        if (held) yield held;
        held = item;
      }
    }),
    "leaves out metadata": lists(async function* (items) {
      for await (const item of items) yield { ...item, head: { ...item.head, metadata: {} } };
    }),
    "knows no size": lists(async function* (items) {
      for await (const item of items) yield { ...item, size: Number.NaN };
    }),
  },
  "lists in pages, each going on after the last cursor": {
    "starts anew": lists(
      async function* (items) {
        yield* items;
      },
      { after: "" },
    ),
    "counts cursors": lists(async function* (items) {
      let count = 0;
      for await (const item of items) yield { ...item, cursor: String(count++) };
    }),
    "ignores limit": lists(
      async function* (items) {
        yield* items;
      },
      { limit: 1e9 },
    ),
    "takes limit 0 for none": (store, inner) => {
      store.entries = ({ limit, ...options } = {}) => inner.entries({ ...options, ...(limit ? { limit } : {}) });
    },
  },
  "skips nothing that stayed while others come and go": {
    "goes by offsets": (store, inner) => {
      store.entries = async function* ({ after = "0", limit = 1e9, bodies = false } = {}) {
        let offset = Number(after);
        for (let given = 0; given < limit; given++) {
          const all: ListedEntry[] = [];
          for await (const item of inner.entries({ bodies })) all.push(item);
          const item = all[offset++];
          if (!item) return;
          yield { ...item, cursor: String(offset) };
        }
      };
    },
  },
  "goes on after the cursor of an entry that is gone": {
    "looks for the entry": lists(async function* (items, options) {
      if (options.after === undefined) return yield* items;
    }),
  },
  "gives bodies when they are asked for, and only then": {
    always: lists(
      async function* (items) {
        yield* items;
      },
      { bodies: true },
    ),
    never: lists(
      async function* (items) {
        yield* items;
      },
      { bodies: false },
    ),
  },
  "hides the cache's own entries from lists, but not from get": {
    "lists them": (store, inner) => {
      store.entries = async function* () {
        for (const name of inner.backend.keys()) {
          const { body, ...head } = inner.read(name.slice(inner.prefix.length)) as Entry;
          yield { head, size: body.size, cursor: head.id };
        }
      };
    },
    "hides them everywhere": reading((entry) => (isReserved(entry) ? undefined : entry)),
  },
  "lists nothing when it is empty": {
    "lists what was deleted": (store, inner) => {
      store.delete = async (key) => {
        inner.write(sampleEntry({ id: key.id }));
      };
    },
  },
  "can be left in the middle of a list": {
    "stays locked": (store, inner) => {
      let reading = false;
      store.entries = async function* (options) {
        reading = true;
        yield* inner.entries(options);
        reading = false;
      };
      store.set = async (entry) => {
        if (reading) throw new Error("database is locked");
        inner.write(entry);
      };
    },
  },
  "clears everything it owns, the cache's own entries too": {
    "keeps the cache's own": (store, inner) => {
      store.clear = async () => {
        for await (const { head } of inner.entries()) await inner.delete(head);
      };
    },
    "stops after a page": (store, inner) => {
      store.clear = async () => {
        for await (const { head } of inner.entries({ limit: 10 })) await inner.delete(head);
      };
    },
  },
  "spares the neighbour when it clears": {
    "clears what its prefix begins": (store, inner) => {
      store.clear = async () => {
        const prefix = inner.prefix.slice(0, -1);
        for (const name of inner.backend.keys()) if (name.startsWith(prefix)) inner.backend.delete(name);
      };
    },
    "clears the backend": (store, inner) => {
      store.clear = async () => inner.backend.clear();
    },
  },
  "neither finds, lists nor deletes what is the neighbour's": {
    "lists what its prefix begins": (store, inner) => {
      store.entries = async function* () {
        for (const [name, frame] of inner.backend) {
          if (!name.startsWith(inner.prefix.slice(0, -1))) continue;
          const { body, ...head } = decodeEntry(frame) as Entry;
          yield { head, size: body.size, cursor: head.id };
        }
      };
    },
    "has no prefix": (store, inner) => {
      const shared = new ReferenceStore(inner.backend, "shared");
      store.read = (id) => shared.read(id);
      store.write = (entry) => shared.write(entry);
      store.delete = (key) => shared.delete(key);
    },
  },
  "rejects or completes when its signal is aborted, and corrupts nothing": {
    "leaves half of what it was writing": (store, inner) => {
      store.set = async (entry, options) => {
        inner.write({ ...entry, body: Body.json("half") });
        await Promise.resolve();
        options?.signal?.throwIfAborted();
        inner.write(entry);
      };
    },
    hangs: (store, inner) => {
      store.get = (key, options) => (options?.signal ? new Promise(() => undefined) : inner.get(key));
    },
    "loses others": (store, inner) => {
      store.delete = async (key, options) => {
        if (options?.signal?.aborted) await inner.clear();
        else await inner.delete(key);
      };
    },
  },
  "corrupts nothing when the signal of a clear is aborted": {
    "leaves half": (store, inner) => {
      store.clear = async (options) => {
        for await (const { head } of inner.entries()) {
          if (options?.signal?.aborted) inner.write({ ...(inner.read(head.id) as Entry), body: Body.json(null) });
        }
      };
    },
  },
  "can be closed more than once": {
    "once only": (store) => {
      let closed = false;
      store[Symbol.asyncDispose] = async () => {
        if (closed) throw new Error("The connection is closed already.");
        closed = true;
      };
    },
  },
  "can be closed without having been used": {
    "closes what it never opened": (store, inner) => {
      let used = false;
      store.set = async (entry) => {
        used = inner.write(entry);
      };
      store[Symbol.asyncDispose] = async () => {
        if (!used) throw new TypeError("Cannot read properties of undefined");
      };
    },
  },
  "rejects with ERR_LLMCACHE_CLOSED or works after it was closed": {
    "rejects with anything": afterClosing((store) => {
      store.get = async () => {
        throw new Error("Connection is closed.");
      };
    }),
    hangs: afterClosing((store) => {
      store.getMany = () => new Promise(() => undefined);
    }),
  },
  "gives a function that ends a listener": {
    "gives nothing": (store) => {
      store.on = () => undefined as unknown as () => void;
    },
    "ends once": (store) => {
      store.on = () => {
        let ended = false;
        return () => {
          if (ended) throw new Error("There is no such listener.");
          ended = true;
        };
      };
    },
  },
  "tells listeners of an entry that is too large, until they are ended": {
    "tells nothing": (store) => {
      store.tell = () => undefined;
    },
    "tells the ended": (store, inner) => {
      store.on = (listener) => {
        inner.on(listener);
        return () => undefined;
      };
      store.tell = (event) => inner.tell(event);
    },
    "stops at one that throws": (store) => {
      store.tell = (event) => {
        for (const listener of store.listeners) listener(event);
      };
    },
  },
  "never gives the former entry after a larger one was taken": {
    "keeps the former": (store, inner) => {
      store.write = (entry) => entry.body.size <= MAX_ENTRY_BYTES && inner.write(entry);
    },
  },
  "says no to an add that is too large": {
    "says yes": (store, inner) => {
      store.add = async (entry, options) => {
        await inner.add(entry, options);
        return true;
      };
    },
  },
  "keeps everything over closing and opening again": {
    forgets: afterClosing((store) => void store.clear()),
    "forgets deletes": (store, inner) => {
      const deleted = new Set<string>();
      store.delete = async (key) => void deleted.add(key.id);
      store.read = (id) => (deleted.has(id) ? undefined : inner.read(id));
    },
  },
  "goes on with add and clear after opening again": {
    "adds over what it did not write itself": (store, inner) => {
      const mine = new Set<string>();
      store.write = (entry) => mine.add(entry.id) !== undefined && inner.write(entry);
      store.add = async (entry, options) => (mine.has(entry.id) ? inner.add(entry, options) : store.write(entry));
    },
  },
};
const NOT_ATOMIC = "tells by an event that add is not atomic";
const PATIENCE_MS = 200;
/** Broken stores whose own error is what the check gives. */
const THROWN: ReadonlySet<string> = new Set([
  "throws",
  "stays locked",
  "once only",
  "ends once",
  "closes what it never opened",
]);

describe("MapStore", () => {
  for (const check of storeChecks(() => new MapStore(), { sibling: () => new MapStore() })) {
    test.skipIf(check.skip !== undefined)(check.name, check.run);
  }
});

describe("the reference store passes", () => {
  const backend: Backend = new Map();
  const make = (context: StoreCheckContext): Store => new ReferenceStore(backend, context.label);
  for (const check of storeChecks(
    make,
    optionsFor(backend, () => undefined),
  )) {
    test.skipIf(check.skip !== undefined)(check.name, check.run);
  }
  test(NOT_ATOMIC, async () => {
    const tells: Break = (store, inner) => {
      store.add = async (entry, options) => {
        store.tell({ store: store.name, type: "not-atomic", message: "add is a read and a write here" });
        return inner.add(entry, options);
      };
    };
    const checks = storeChecks((context) => broken(backend, context, tells), { nonAtomicAdd: "two commands" });
    await checks.find((check) => check.name === NOT_ATOMIC)?.run();
    expect(checks.filter((check) => check.skip === "two commands")).toHaveLength(3);
  });
});

describe("every check can fail", () => {
  test("the table has a broken store for every check", () => {
    expect(Object.keys(BROKEN).toSorted()).toEqual(
      storeChecks(() => new MapStore())
        // Those of similar stores are in similar-checks.test.ts.
        .filter(({ skip }) => skip !== "the option similar is not given")
        .map((check) => check.name)
        .toSorted(),
    );
  });

  for (const [name, stores] of Object.entries(BROKEN)) {
    describe(`"${name}" catches a store that`, () => {
      for (const [what, change] of Object.entries(stores)) {
        test(what, async () => {
          const backend: Backend = new Map();
          const options = optionsFor(backend, change, {
            ...(what === "hangs" ? { patienceMs: PATIENCE_MS } : {}),
            ...(name === NOT_ATOMIC ? { nonAtomicAdd: "two commands" } : {}),
          });
          const check = storeChecks((context) => broken(backend, context, change), options).find(
            (one) => one.name === name,
          );
          expect(check?.skip).toBeUndefined();
          const error: unknown = await check?.run().catch((reason: unknown) => reason);
          expect(error).toBeInstanceOf(Error);
          expect(error).toMatchObject(
            what === "hangs"
              ? { message: expect.stringMatching(/the store hangs/) }
              : THROWN.has(what)
                ? {}
                : { name: "AssertionError" },
          );
        });
      }
    });
  }
});

describe("storeChecks", () => {
  test("runs on a store with none of the optional methods", async () => {
    const bare = (): Store => {
      const { contract, name, match, expiry } = new MapStore();
      const inner = new MapStore();
      return {
        contract,
        name,
        match,
        expiry,
        get: (key) => inner.get(key),
        set: (entry) => inner.set(entry),
        add: (entry, options) => inner.add(entry, options),
        delete: (key) => inner.delete(key),
        clear: () => inner.clear(),
        [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
      };
    };
    for (const check of storeChecks(bare)) if (check.skip === undefined) await check.run();
  });

  test("skips what it is told to skip, with the reason", () => {
    const name = "takes empty lists";
    expect(
      storeChecks(() => new MapStore(), { skip: { [name]: "not yet" } }).find((check) => check.name === name)?.skip,
    ).toBe("not yet");
  });

  test("refuses to skip what does not exist", () => {
    expect(() => storeChecks(() => new MapStore(), { skip: { "takes naps": "why not" } })).toThrow(/"takes naps"/);
  });

  test("has a name of its own for every check", () => {
    const names = storeChecks(() => new MapStore()).map((check) => check.name);
    expect(new Set(names).size).toBe(names.length);
  });

  test("gives every check a label of its own that begins no other", async () => {
    const labels: string[] = [];
    const checks = storeChecks((context) => {
      labels.push(context.label);
      return new MapStore();
    });
    for (const check of checks) if (check.skip === undefined) await check.run();
    expect(new Set(labels).size).toBe(labels.length);
    for (const label of labels) expect(label).toMatch(/^[a-z0-9-]{3,60}$/);
  });

  test("disposes the store of a check that failed, and gives the check's error", async () => {
    let disposed = 0;
    const make = (): Store => {
      const store = new MapStore();
      store.get = async () => undefined;
      store[Symbol.asyncDispose] = async () => {
        disposed++;
        throw new Error("dispose failed too");
      };
      return store;
    };
    const check = storeChecks(make).find((one) => one.name === "adds where nothing is");
    await expect(check?.run()).rejects.toThrow(/is not there/);
    expect(disposed).toBe(1);
  });
});

describe("FaultyStore", () => {
  const entry = sampleEntry();
  const key = { id: entry.id };

  for (const check of storeChecks(() => new FaultyStore(new MapStore()))) {
    test.skipIf(check.skip !== undefined)(`without faults: ${check.name}`, check.run);
  }

  test("fails one method, or all, until it is healed", async () => {
    const store = new FaultyStore(new MapStore());
    const error = new LLMCacheError("ERR_LLMCACHE_STORE", "no");
    store.fail("get", error);
    await expect(store.get(key)).rejects.toBe(error);
    await store.set(entry);
    store.fail();
    await expect(store.set(entry)).rejects.toThrow(/told to fail/);
    await expect(store.entries?.()[Symbol.asyncIterator]().next()).rejects.toThrow(/told to fail/);
    store.heal();
    expect((await store.get(key))?.entry.id).toBe(entry.id);
    expect(store.calls).toMatchObject({ get: 2, set: 2, entries: 1, add: 0 });
  });

  test("fails a number of times", async () => {
    const store = new FaultyStore(new MapStore());
    store.fail("get", new Error("once"), 1);
    await expect(store.get(key)).rejects.toThrow("once");
    expect(await store.get(key)).toBeUndefined();
  });

  test("hangs until it is released", async () => {
    const store = new FaultyStore(new MapStore());
    const gate = store.hang("set");
    const writing = store.set(entry);
    await gate.arrived;
    expect(gate.waiting).toBe(1);
    expect(await store.get(key)).toBeUndefined();
    gate.open();
    await writing;
    expect(gate.waiting).toBe(0);
    expect(await store.get(key)).toBeDefined();
  });

  test("hangs until the signal is aborted", async () => {
    const store = new FaultyStore(new MapStore());
    const gate = store.hang();
    const controller = new AbortController();
    const reading = store.get(key, { signal: controller.signal });
    await gate.arrived;
    controller.abort(new Error("enough"));
    await expect(reading).rejects.toThrow("enough");
    await expect(store.get(key, { signal: controller.signal })).rejects.toThrow("enough");
  });

  test("delays whatever the signal says, and heal lets it go on", async () => {
    const store = new FaultyStore(new MapStore());
    const gate = store.delay("get");
    const reading = store.get(key, { signal: AbortSignal.abort() });
    await gate.arrived;
    store.heal();
    expect(await reading).toBeUndefined();
  });

  test("loses and corrupts what is read, and heals", async () => {
    const store = new FaultyStore(new MapStore());
    await store.set(entry);
    store.lose();
    expect(await store.get(key)).toBeUndefined();
    expect(await store.getMany?.([key])).toEqual([undefined]);
    store.corrupt();
    const hit = await store.get(key);
    expect(() => hit?.entry.body.json()).toThrow(SyntaxError);
    store.heal();
    expect((await store.get(key))?.entry.body.json()).toEqual(entry.body.json());
  });

  test("has only the optional methods that the store inside has", () => {
    const store = new FaultyStore(new MapStore());
    expect(store.setMany).toBeUndefined();
    expect(store.on).toBeUndefined();
    expect(store.getMany).toBeTypeOf("function");
  });
});

test("sampleId gives ids as the cache makes them", () => {
  expect(sampleId("a")).toMatch(/^[0-9a-f]{64}$/);
  expect(sampleId("a")).not.toBe(sampleId("b"));
});
