import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import {
  Body,
  decodeEntry,
  encodeEntry,
  LLMCache,
  MapStore,
  storeFrom,
  type CacheKey,
  type Entry,
  type EntryHead,
  type Json,
  type Store,
  type StoreAddOptions,
  type StoreCallOptions,
  type StoreHit,
} from "../src/index.ts";
import { answering, Clock, request, stage } from "./stage.ts";

// What later packages will be made of, in a few lines each, so that the contracts are known to carry them.

/** Near before far; goes on past what is refused. */
class TwoTiers extends MapStore {
  readonly near: Store;
  readonly far: Store;

  constructor(near: Store, far: Store) {
    super();
    this.near = near;
    this.far = far;
  }

  get origin(): Store {
    return this.far;
  }

  override async get(...[key, options]: [CacheKey, StoreCallOptions?]): Promise<StoreHit | undefined> {
    for (const tier of [this.near, this.far]) {
      const hit = await tier.get(key);
      if (hit !== undefined && (await options?.accept?.(hit, key)) !== false)
        return { ...hit, tier: tier === this.near ? "near" : "far" };
    }
    return undefined;
  }
}

describe("tiers", () => {
  const entry = (id: string, createdAt: number, value: Json): Entry => ({
    id,
    createdAt,
    metadata: {},
    body: Body.json(value),
  });

  it("a near copy refused by s-maxage while a far one will do", async () => {
    const [near, far] = [new MapStore(), new MapStore()];
    const own = stage({ store: new TwoTiers(near, far) });
    const { id } = own.cache.key(request());
    await near.set(entry(id, own.clock.now - 100_000, "near, old"));
    await far.set(entry(id, own.clock.now - 5000, "far, newer"));
    expect(await own.cache.through(request(), answering())).toMatchObject({
      status: "hit",
      value: "near, old",
      tier: "near",
    });
    expect(await own.cache.through(request(), answering(), { sMaxAge: 10 })).toMatchObject({
      status: "hit",
      value: "far, newer",
      tier: "far",
      ageMs: 5000,
    });
    expect(await own.cache.through(request(), answering("asked"), { sMaxAge: 1, noStore: true })).toMatchObject({
      status: "miss",
      value: "asked",
    });
    expect(own.events.findLast(({ type }) => type === "miss")).toMatchObject({ reason: "too-old" });
    expect(own.events.find(({ type }) => type === "hit")).toMatchObject({ tier: "near" });
  });

  it("a near copy that this caller cannot decode does not hide a far one that he can", async () => {
    const [near, far] = [new MapStore(), new MapStore()];
    const own = stage({ store: new TwoTiers(near, far) });
    const { id } = own.cache.key(request());
    await near.set(entry(id, own.clock.now, { kind: "other" }));
    await far.set(entry(id, own.clock.now, { kind: "mine" }));
    const decode = (body: Body): Json | undefined =>
      (body.json() as { kind: string }).kind === "mine" ? body.json() : undefined;
    expect(await own.cache.through<Json>(request(), answering() as never, { decode })).toMatchObject({
      status: "hit",
      tier: "far",
    });
  });
});

/** Generations of tags as entries of the cache's own, in the farthest store. */
class Tags {
  readonly #store: Store;
  readonly #clock: Clock;

  constructor(store: Store, clock: Clock) {
    this.#store = store.origin ?? store;
    this.#clock = clock;
  }

  id(tag: string): string {
    return new LLMCache().key({ operation: "llmcache.tag", prompt: tag }).id;
  }

  /** The generation in force; made, by whoever is first, where there is none. */
  async generation(tag: string): Promise<string> {
    const id = this.id(tag);
    const own: Entry = {
      id,
      createdAt: this.#clock.now,
      metadata: { operation: "llmcache.tag" },
      body: Body.json(randomUUID()),
    };
    for (;;) {
      const there = await this.#store.get({ id });
      if (there !== undefined) return there.entry.body.json() as string;
      if (await this.#store.add(own)) return own.body.json() as string;
    }
  }

  async invalidate(tag: string): Promise<void> {
    await this.#store.delete({ id: this.id(tag) });
  }

  async holds(head: EntryHead): Promise<boolean> {
    for (const [tag, generation] of Object.entries(head.tags ?? {})) {
      const there = await this.#store.get({ id: this.id(tag) });
      if (there?.entry.body.json() !== generation) return false;
    }
    return true;
  }
}

describe("tags, as they will be", () => {
  it("an entry is served while its generation is the same; a lost or new one is a miss, never a resurrection", async () => {
    const store = new TwoTiers(new MapStore(), new MapStore());
    const clock = new Clock();
    const tags = new Tags(store, clock);
    const generation = await tags.generation("docs");
    expect(await tags.generation("docs")).toBe(generation);
    const head: EntryHead = { id: "x", createdAt: clock.now, metadata: {}, tags: { docs: generation } };
    expect(await tags.holds(head)).toBe(true);
    await store.far.clear();
    expect(await tags.holds(head)).toBe(false);
    expect(await tags.generation("docs")).not.toBe(generation);
    expect(await tags.holds(head)).toBe(false);
  });

  it("are not listed, and two processes that make one at once agree on it", async () => {
    const store = new MapStore();
    const clock = new Clock();
    const [one, two] = [new Tags(store, clock), new Tags(store, clock)];
    const [a, b] = await Promise.all([one.generation("t"), two.generation("t")]);
    expect(a).toBe(b);
    const listed: unknown[] = [];
    for await (const item of store.entries()) listed.push(item);
    expect(listed).toEqual([]);
  });
});

describe("add", () => {
  const stores: [string, () => Store][] = [
    ["MapStore", () => new MapStore()],
    ["a store of two functions", () => frameStore()],
  ];

  it.each(stores)(
    "on %s: stores where nothing is, over a dead entry, over the one that was refused, and over nothing else",
    async (_, make) => {
      const store = make();
      const of = (createdAt: number, value: string, more: Partial<EntryHead> = {}): Entry => ({
        id: "i",
        createdAt,
        metadata: {},
        ...more,
        body: Body.json(value),
      });
      const value = async (): Promise<unknown> => (await store.get({ id: "i" }))?.entry.body.json();
      const add = (entry: Entry, over?: StoreAddOptions["over"]): Promise<boolean> =>
        store.add(entry, over === undefined ? {} : { over });

      expect(await add(of(1000, "first", { staleAt: 1500, deleteAt: 2000 }))).toBe(true);
      expect(await add(of(1999, "too early"))).toBe(false);
      expect(await add(of(2000, "over the dead"))).toBe(true);
      expect(await value()).toBe("over the dead");
      expect(await add(of(9999, "no: it never ends"))).toBe(false);
      expect(await add(of(3000, "over the refused"), { id: "i", createdAt: 2000 })).toBe(true);
      expect(await value()).toBe("over the refused");
      expect(await add(of(4000, "no: somebody was quicker"), { id: "i", createdAt: 2000 })).toBe(false);
      expect(await add(of(4000, "no: another id"), { id: "j", createdAt: 3000 })).toBe(false);
      expect(await value()).toBe("over the refused");
      await store.delete({ id: "i" });
      expect(await add(of(1, "after delete"), { id: "i", createdAt: 3000 })).toBe(true);
    },
  );

  it.each(stores)("on %s: of many at once one wins, and all read the same", async (_, make) => {
    const store = make();
    const results = await Promise.all(
      Array.from({ length: 20 }, (_unused, i) =>
        store.add({ id: "i", createdAt: 5, metadata: {}, body: Body.json(i) }),
      ),
    );
    expect(results.filter(Boolean)).toHaveLength(1);
    expect((await store.get({ id: "i" }))?.entry.body.json()).toBe(results.indexOf(true));
  });

  it("that fails or hangs for one id holds up no other", async () => {
    const map = new Map<string, Uint8Array>();
    const store = storeFrom({
      get: (id) =>
        id === "hangs"
          ? new Promise<undefined>(() => undefined)
          : id === "fails"
            ? Promise.reject(new Error("get"))
            : map.get(id),
      set: (id, bytes) => map.set(id, bytes),
    });
    const of = (id: string): Entry => ({ id, createdAt: 1, metadata: {}, body: Body.json(id) });
    void store.add(of("hangs"));
    await expect(store.add(of("fails"))).rejects.toThrow("get");
    await expect(store.add(of("fails"))).rejects.toThrow("get");
    expect(await store.add(of("fine"))).toBe(true);
    expect(await store.add(of("fine"))).toBe(false);
  });
});

/** Keeps frames, as a disk or a network does. */
function frameStore(): Store {
  const map = new Map<string, Uint8Array>();
  return storeFrom({
    name: "frames",
    get: (id) => map.get(id),
    set: (id, bytes) => map.set(id, Uint8Array.from(bytes)),
    delete: (id) => map.delete(id),
    clear: () => map.clear(),
  });
}

describe("an entry", () => {
  const values: Json[] = [
    null,
    "",
    "é😀\ud800",
    0,
    false,
    [],
    {},
    { deep: [{ list: [1, null, "x"] }] },
    JSON.parse('{"__proto__":{"a":1},"10":1,"9":2}') as Json,
  ];

  it.each(values.map((value) => [JSON.stringify(value), value] as const))(
    "through a store of values and one of bytes and back: %s",
    async (_, value) => {
      const head = {
        id: "a".repeat(64),
        createdAt: 7,
        staleAt: 8,
        deleteAt: 9,
        metadata: { tokens: 1 },
        tags: { t: "g" },
        text: "t",
        request: { p: null },
      };
      let entry: Entry = { ...head, body: Body.json(value) };
      for (const store of [new MapStore(), frameStore(), new MapStore(), frameStore()]) {
        await store.set(entry);
        entry = (await store.get({ id: head.id }))?.entry as Entry;
      }
      const { body, ...back } = entry;
      expect(back).toEqual(head);
      expect(body.kind).toBe("json");
      expect(JSON.stringify(body.json())).toBe(JSON.stringify(value));
    },
  );

  it("of bytes stays bytes", async () => {
    let entry: Entry = {
      id: "b".repeat(64),
      createdAt: 7,
      metadata: {},
      body: Body.bytes(Uint8Array.of(0, 255, 10, 13)),
    };
    for (const store of [frameStore(), new MapStore(), frameStore()]) {
      await store.set(entry);
      entry = (await store.get({ id: entry.id }))?.entry as Entry;
    }
    expect(entry.body.kind).toBe("bytes");
    expect([...entry.body.bytes()]).toEqual([0, 255, 10, 13]);
    expect(decodeEntry(encodeEntry(entry))?.body.kind).toBe("bytes");
  });

  it("in two stores is not the same object in memory", async () => {
    const [a, b] = [new MapStore(), new MapStore()];
    await a.set({ id: "i", createdAt: 1, metadata: { n: 1 }, body: Body.json({ x: [1] }) });
    const found = (await a.get({ id: "i" }))?.entry as Entry;
    await b.set(found);
    (found.body.json() as { x: number[] }).x.push(2);
    expect((await b.get({ id: "i" }))?.entry.body.json()).toEqual({ x: [1] });
  });
});
