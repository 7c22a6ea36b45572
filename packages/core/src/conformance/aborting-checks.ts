import assert from "node:assert/strict";
import type { Entry } from "../entry.ts";
import type { Store, StoreCallOptions } from "../store.ts";
import { assertSameEntry } from "./same.ts";
import { found, type CheckDefinition } from "./stage.ts";

/** A signal, and what happens to it: before the call, right after it, a few turns later. */
const MOMENTS: readonly ((abort: () => void) => {
  readonly before?: () => void;
  readonly after?: () => Promise<void>;
})[] = [
  (abort) => ({ before: abort }),
  (abort) => ({ after: async () => abort() }),
  (abort) => ({
    after: async () => {
      for (let turn = 0; turn < 3; turn++) await Promise.resolve();
      abort();
    },
  }),
];

export const ABORTING_CHECKS: readonly CheckDefinition[] = [
  {
    name: "rejects or completes when its signal is aborted, and corrupts nothing",
    async run(stage) {
      const { store, entry } = stage;
      const bystander = entry("bystander");
      await store.set(bystander);
      for (const [number, moment] of MOMENTS.entries()) {
        const former = entry(`target ${number}`, { value: "former" });
        const next = entry(`target ${number}`, {
          value: { next: "x".repeat(5000) },
          createdAt: stage.context.clock() + 1,
        });
        for (const call of calls(store, next)) {
          await store.set(former);
          await aborted(call, moment);
          await oneOf(store, [former, next]);
          assertSameEntry(await found(store, bystander.id), bystander, "an entry that no aborted call was about");
        }
      }
    },
  },
  {
    name: "corrupts nothing when the signal of a clear is aborted",
    async run({ store, entry }) {
      for (const moment of MOMENTS) {
        const entries = Array.from({ length: 5 }, (_, value) => entry(value, { value }));
        for (const one of entries) await store.set(one);
        await aborted((options) => store.clear(options), moment);
        for (const one of entries) await oneOf(store, [one]);
        const later = entry("later", { value: "later" });
        await store.set(later);
        assertSameEntry(await found(store, later.id), later, "an entry stored after an aborted clear");
      }
    },
  },
];

function calls(store: Store, next: Entry): ((options: StoreCallOptions) => Promise<unknown>)[] {
  const key = { id: next.id };
  const list = async (options: StoreCallOptions): Promise<void> => {
    for await (const _ of store.entries?.(options) ?? []);
  };
  return [
    (options) => store.get(key, options),
    (options) => store.set(next, options),
    (options) => store.add(next, { ...options, over: next }),
    async (options) => store.getMany?.([key, key], options),
    async (options) => store.setMany?.([next], options),
    list,
    (options) => store.delete(key, options),
  ];
}

async function aborted(
  call: (options: StoreCallOptions) => Promise<unknown>,
  moment: (typeof MOMENTS)[number],
): Promise<void> {
  const controller = new AbortController();
  const { before, after } = moment(() => controller.abort(new Error("aborted by the check")));
  before?.();
  const [result] = await Promise.allSettled([call({ signal: controller.signal }), after?.()]);
  if (result.status === "rejected")
    assert.ok(result.reason instanceof Error, "an aborted call rejected with what is no Error");
}

/** Nothing, or one of these, whole. */
async function oneOf(store: Store, candidates: readonly Entry[]): Promise<void> {
  const id = (candidates[0] as Entry).id;
  const read = await found(store, id);
  if (read === undefined) return;
  const meant = candidates.find((one) => one.createdAt === read.createdAt);
  assert.ok(meant, "after an aborted call there is an entry that nobody stored");
  assertSameEntry(read, meant, "the entry after an aborted call");
}
