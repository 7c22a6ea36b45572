import { describe } from "vitest";
import {
  MapStore,
  TieredStore,
  withBreaker,
  type Entry,
  type EntryHead,
  type Store,
  type StoreHit,
} from "@llmcache/core";
import { FaultyStore, storeChecks, type MakeStore, type StoreCheckOptions } from "@llmcache/core/conformance";
import { registerChecks } from "./register-checks.ts";

/** Gives the instants that were stored instead of the ones that `maxTtl` made of them, after a look at these. */
function withoutMaxTtl(store: TieredStore): Store {
  const given = new Map<string, Entry>();
  const keep = (entry: Entry): unknown => given.set(`${entry.id} ${entry.createdAt}`, entry);
  const restored = <T extends EntryHead>(head: T): T => {
    const { staleAt, deleteAt, ...rest } = head;
    const original = given.get(`${head.id} ${head.createdAt}`);
    const [end, stale] = [deleteAt ?? Number.POSITIVE_INFINITY, staleAt ?? Number.POSITIVE_INFINITY];
    if (end > (original?.deleteAt ?? end) || stale > (original?.staleAt ?? stale))
      throw new Error("A copy lives longer than what was stored.");
    return { ...rest, staleAt: original?.staleAt, deleteAt: original?.deleteAt } as T;
  };
  const hitOf = (hit: StoreHit | undefined): StoreHit | undefined => hit && { ...hit, entry: restored(hit.entry) };
  const overrides: Partial<Store> = {
    get: async (...args) => hitOf(await store.get(...args)),
    getMany: async (...args) => (await store.getMany(...args)).map(hitOf),
    set: async (entry, options) => {
      keep(entry);
      await store.set(entry, options);
    },
    add: async (entry, options) => {
      const isAdded = await store.add(entry, options);
      if (isAdded) keep(entry);
      return isAdded;
    },
    setMany: async (entries, options) => {
      for (const entry of entries) keep(entry);
      await store.setMany(entries, options);
    },
    async *entries(options) {
      for await (const listed of store.entries?.(options) ?? []) yield { ...listed, head: restored(listed.head) };
    },
  };
  return new Proxy<Store>(store, {
    get: (target, name) => {
      const own = overrides[name as keyof Store];
      const member: unknown = own ?? target[name as keyof Store];
      return typeof member === "function" && own === undefined ? member.bind(target) : member;
    },
  });
}

const map = (): MapStore => new MapStore({ maxEntries: 5000 });

function failing(store: Store, ...methods: Parameters<FaultyStore["fail"]>[0][]): FaultyStore {
  const faulty = new FaultyStore(store);
  for (const method of methods) faulty.fail(method);
  return faulty;
}

function losing(): FaultyStore {
  const faulty = new FaultyStore(map());
  faulty.lose();
  return faulty;
}

const COMPOSITIONS: Readonly<Record<string, readonly [MakeStore, StoreCheckOptions?]>> = {
  "one tier": [() => new TieredStore([map()])],
  "two tiers": [() => new TieredStore([map(), map()])],
  "three tiers, the farthest only read": [
    () => new TieredStore([map(), { store: map(), name: "b" }, { store: map(), write: false }]),
  ],
  "a near tier that is only read": [() => new TieredStore([{ store: map(), write: false }, map()])],
  "tiers within tiers": [() => new TieredStore([map(), new TieredStore([map(), map()])])],
  "tiers within the near tier": [() => new TieredStore([new TieredStore([map(), map()]), map()])],
  "a near tier that cannot be written to": [() => new TieredStore([failing(map(), "set", "setMany", "add"), map()])],
  "a near tier that loses everything": [() => new TieredStore([losing(), map()])],
  "a far tier that loses everything": [
    () => new TieredStore([map(), losing()]),
    {
      skip: {
        "lets its origin decide, if it has one": "the origin of this one loses what it is given",
        "hides the cache's own entries from lists, but not from get": "the origin alone keeps these",
      },
    },
  ],
  "a far tier that cannot be written to": [
    () => new TieredStore([map(), failing(map(), "set", "setMany")]),
    {
      skip: {
        "hides the cache's own entries from lists, but not from get": "the origin alone keeps these, and it fails",
        "clears everything it owns, the cache's own entries too": "the same",
        "lets its origin decide, if it has one": "it writes to the origin itself",
      },
    },
  ],
  "near copies that live for a day": [
    ({ clock }) => withoutMaxTtl(new TieredStore([{ store: map(), maxTtl: "1d" }, map()], { clock })),
  ],
  "a breaker in each tier": [
    ({ clock }) => new TieredStore([withBreaker(map(), { clock }), withBreaker(map(), { clock })], { clock }),
  ],
};

for (const [name, [makeStore, options]] of Object.entries(COMPOSITIONS))
  describe(name, () => registerChecks(storeChecks(makeStore, options)));

describe("a breaker", () => registerChecks(storeChecks(({ clock }) => withBreaker(map(), { failures: 1, clock }))));
