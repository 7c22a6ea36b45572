import { describe, expect, test } from "vitest";
import { storeChecks } from "../src/conformance.ts";
import { withBreaker, TieredStore, MapStore, type Store } from "../src/index.ts";
import { WordStore } from "./similar-stage.ts";

const SIMILAR = storeChecks(() => new MapStore()).filter(({ skip }) => skip === "the option similar is not given");
type Break = (store: WordStore) => void;

/** For every check of similar stores at least one store that it catches. */
const BROKEN: Readonly<Record<string, Readonly<Record<string, Break>>>> = {
  "finds a similar text within its scope, with its similarity and under the id it has": {
    "finds nothing similar": (store) => (store.candidates = async () => []),
    "gives a distance": (store) => change(store, (hit) => ({ ...hit, similarity: 0 })),
    "gives no similarity": (store) => change(store, ({ entry }) => ({ entry })),
    "gives it the id that was asked for": (store) => {
      const candidates = store.candidates.bind(store);
      store.candidates = async (key) =>
        (await candidates(key)).map((hit) => ({ ...hit, entry: { ...hit.entry, id: key.id } }));
    },
  },
  "gives the entry of the key's own id before similar ones, and without a similarity": {
    "looks for similar ones first": (store) => {
      const get = store.get.bind(store);
      store.get = async (key, options) => (await store.candidates(key))[0] ?? get(key, options);
    },
  },
  "finds nothing similar in another scope, without a scope, nor what was stored without a text": {
    "knows no walls": (store) => (store.isBehind = () => true),
  },
  "goes on to the next similar entry where one is refused, and gives none that was": {
    "gives the nearest, whatever is said of it": (store) => {
      const get = store.get.bind(store);
      store.get = (key) => get(key);
    },
    "looks at one": (store) => {
      const candidates = store.candidates.bind(store);
      store.candidates = async (key) => (await candidates(key)).slice(0, 1);
    },
  },
  "finds nothing similar that was deleted, replaced, cleared, or is past its deleteAt": {
    "keeps what was deleted": (store) => (store.delete = async () => undefined),
    "serves what is past its deleteAt": (store) => Object.assign(store, { clock: () => 0 }),
  },
  "does not give a rejected pair any more, and gives the entry to all others": {
    "forgets at once": (store) => (store.rejectPair = async () => undefined),
    "deletes the entry": (store) => (store.rejectPair = (_, stored) => store.delete(stored)),
    "forgets it with the next write": (store) => {
      const set = store.set.bind(store);
      store.set = async (entry) => {
        store.rejected.clear();
        return set(entry);
      };
    },
  },
  "adds what is not there under its id, however similar something else is": {
    "looks at texts": (store) => {
      const add = store.add.bind(store);
      store.add = async (entry, options) => (await store.get(entry)) === undefined && add(entry, options);
    },
  },
};

function change(store: WordStore, how: (hit: Awaited<ReturnType<WordStore["candidates"]>>[number]) => object): void {
  const candidates = store.candidates.bind(store);
  store.candidates = async (key) => (await candidates(key)).map((hit) => how(hit) as typeof hit);
}

describe.each<[string, (clock: () => number) => Store]>([
  ["the reference store", (clock) => new WordStore(clock)],
  ["behind a breaker", (clock) => withBreaker(new WordStore(clock))],
  ["as the far tier", (clock) => new TieredStore([new MapStore(), new WordStore(clock)], { clock })],
  ["as both tiers", (clock) => new TieredStore([new WordStore(clock), new WordStore(clock)], { clock })],
])("%s passes", (_, make) => {
  for (const check of storeChecks(({ clock }) => make(clock), { similar: true }))
    if (SIMILAR.some(({ name }) => name === check.name)) test(check.name, check.run);
});

describe("every check of similar stores can fail", () => {
  test("the table has a broken store for every check", () => {
    expect(Object.keys(BROKEN).toSorted()).toEqual(SIMILAR.map(({ name }) => name).toSorted());
  });

  for (const [name, stores] of Object.entries(BROKEN)) {
    describe(`"${name}" catches a store that`, () => {
      test.each(Object.entries(stores))("%s", async (_, breaks) => {
        const make = (clock: () => number): Store => {
          const store = new WordStore(clock);
          breaks(store);
          return store;
        };
        const check = storeChecks(({ clock }) => make(clock), { similar: true }).find((one) => one.name === name);
        await expect(check?.run()).rejects.toMatchObject({ name: "AssertionError" });
      });
    });
  }
});
