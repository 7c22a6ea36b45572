import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MapStore, TieredStore, type Entry, type StoreHit } from "@llmcache/core";
import { FaultyStore, sampleEntry, sampleId, type StoreMethod } from "@llmcache/core/conformance";
import { Clock, turn } from "./stage.ts";

const RUNS = process.env["LLMCACHE_TEST_FULL"] === "1" ? 20_000 : 400;
const NAMES = ["a", "b", "c"] as const;
const METHODS: readonly StoreMethod[] = ["get", "set", "add", "delete", "clear", "getMany", "setMany"];
const NEVER = Number.NEGATIVE_INFINITY;

type Name = (typeof NAMES)[number];
type Step =
  | { readonly type: "set" | "add" | "delete" | "get"; readonly name: Name }
  | { readonly type: "setMany" | "getMany" | "clear" | "settle" }
  | { readonly type: "fail" | "delay"; readonly tier: number; readonly method: StoreMethod | undefined }
  | { readonly type: "heal"; readonly tier: number }
  | { readonly type: "pass"; readonly ms: number };

const name = fc.constantFrom(...NAMES);
const tierArbitrary = fc.record({
  write: fc.boolean(),
  maxTtl: fc.constantFrom(undefined, 0.05),
  nested: fc.boolean(),
  holds: fc.subarray([...NAMES]),
});
const steps = (faults: boolean): fc.Arbitrary<readonly Step[]> =>
  fc.array(
    fc.oneof(
      { weight: 6, arbitrary: fc.record({ type: fc.constantFrom("set", "add", "delete", "get"), name }) },
      { weight: 2, arbitrary: fc.record({ type: fc.constantFrom("setMany", "getMany", "clear", "settle") }) },
      { weight: 1, arbitrary: fc.record({ type: fc.constant("pass"), ms: fc.integer({ min: 1, max: 40 }) }) },
      ...(faults
        ? [
            {
              weight: 3,
              arbitrary: fc.record({
                type: fc.constantFrom("fail", "delay"),
                tier: fc.nat(2),
                method: fc.option(fc.constantFrom(...METHODS), { nil: undefined }),
              }),
            },
            { weight: 3, arbitrary: fc.record({ type: fc.constant("heal"), tier: fc.nat(2) }) },
          ]
        : []),
    ) as fc.Arbitrary<Step>,
    { minLength: 1, maxLength: 40 },
  );
const tiersArbitrary = fc
  .array(tierArbitrary, { minLength: 1, maxLength: 3 })
  .filter((tiers) => tiers.some(({ write }) => write));

/** What may be found under one name by whoever begins to look now. */
interface Known {
  /** Of what was stored last. */
  newest: number;
  /** Nothing from before then: it was deleted. */
  deleted: number;
  /** Nothing from before then, unless a tier that is only read has it: it was cleared. */
  cleared: number;
}

type Shape = Readonly<typeof tiersArbitrary extends fc.Arbitrary<infer T> ? T : never>;

/** Operations on tiers, and what is known of them afterwards. */
class Run {
  readonly clock = new Clock();
  readonly faulty: FaultyStore[];
  readonly store: TieredStore;
  readonly known = new Map<Name, Known>();
  readonly archived = new Set<string>();
  readonly #underWay: Promise<void>[] = [];
  #failure: { readonly error: unknown } | undefined;

  constructor(shape: Shape) {
    this.faulty = shape.map(({ nested }) => {
      const inner = nested
        ? new TieredStore([new MapStore(), new MapStore()], { clock: this.clock.read })
        : new MapStore();
      return new FaultyStore(inner);
    });
    this.store = new TieredStore(
      shape.map(({ write, maxTtl }, index) => ({ store: this.faulty[index] as FaultyStore, write, maxTtl })),
      { clock: this.clock.read },
    );
  }

  /** What tiers that are only read hold from the beginning. */
  async fill(shape: Shape): Promise<void> {
    for (const [index, { write, holds }] of shape.entries()) {
      if (write) continue;
      for (const each of holds) {
        const entry = this.entry(each);
        this.archived.add(`${entry.id} ${entry.createdAt}`);
        await this.faulty[index]?.set(entry);
      }
    }
  }

  of(each: Name): Known {
    let known = this.known.get(each);
    if (known === undefined) {
      known = { newest: NEVER, deleted: NEVER, cleared: NEVER };
      this.known.set(each, known);
    }
    return known;
  }

  entry(each: Name): Entry {
    this.clock.pass(1);
    const createdAt = this.clock.now;
    return sampleEntry({ id: sampleId(each), createdAt, value: `${each} ${createdAt}` });
  }

  start(work: () => Promise<void>): void {
    this.#underWay.push(
      work().catch((error: unknown) => {
        this.#failure ??= { error };
      }),
    );
  }

  async finish(): Promise<void> {
    for (const faulty of this.faulty) faulty.heal();
    await Promise.all(this.#underWay);
    if (this.#failure !== undefined) throw this.#failure.error;
    await this.store.settled();
  }

  async do(step: Step): Promise<void> {
    switch (step.type) {
      case "set":
      case "add": {
        const entry = this.entry(step.name);
        const isStored = step.type === "set" ? this.store.set(entry).then(() => true) : this.store.add(entry);
        if (await isStored.catch(() => false)) this.stored(step.name, entry);
        return;
      }
      case "setMany": {
        const entries = NAMES.map((each) => this.entry(each));
        const isStored = await this.store.setMany(entries).then(
          () => true,
          () => false,
        );
        if (isStored) for (const [index, each] of NAMES.entries()) this.stored(each, entries[index] as Entry);
        return;
      }
      case "delete": {
        this.clock.pass(1);
        const at = this.clock.now;
        // Whether it rejects or not.
        await this.store.delete({ id: sampleId(step.name) }).catch(() => undefined);
        this.of(step.name).deleted = Math.max(this.of(step.name).deleted, at);
        return;
      }
      case "clear": {
        this.clock.pass(1);
        const newest = NAMES.map((each) => this.of(each).newest);
        await this.store.clear().catch(() => undefined);
        for (const [index, each] of NAMES.entries())
          this.of(each).cleared = Math.max(this.of(each).cleared, newest[index] as number);
        return;
      }
      case "get":
        return this.look([step.name], async () => [await this.store.get({ id: sampleId(step.name) }, this.options())]);
      case "getMany":
        return this.look(NAMES, () =>
          this.store.getMany(
            NAMES.map((each) => ({ id: sampleId(each) })),
            this.options(),
          ),
        );
      case "settle":
        return this.store.settled();
      case "fail":
        return this.faulty[step.tier]?.fail(step.method);
      case "delay":
        return void this.faulty[step.tier]?.delay(step.method);
      case "heal":
        return this.faulty[step.tier]?.heal();
      case "pass":
        return this.clock.pass(step.ms);
      default:
        return step satisfies never;
    }
  }

  stored(each: Name, { createdAt }: Entry): void {
    const known = this.of(each);
    known.newest = Math.max(known.newest, createdAt);
  }

  options(): { accept: (hit: StoreHit) => boolean } {
    return { accept: ({ entry }) => entry.deleteAt === undefined || this.clock.now < entry.deleteAt };
  }

  async look(names: readonly Name[], get: () => Promise<readonly (StoreHit | undefined)[]>): Promise<void> {
    const before = names.map((each) => ({ ...this.of(each) }));
    const hits = await get().catch(() => []);
    for (const [index, hit] of hits.entries()) {
      if (hit === undefined) continue;
      const each = names[index] as Name;
      const { id, createdAt, body } = hit.entry;
      const { newest, deleted, cleared } = before[index] as Known;
      const isArchived = this.archived.has(`${id} ${createdAt}`);
      expect({ id, body: body.json() }).toEqual({ id: sampleId(each), body: `${each} ${createdAt}` });
      expect(createdAt, "older than what was deleted").toBeGreaterThan(deleted);
      if (isArchived) continue;
      expect(createdAt, "what was cleared").toBeGreaterThan(cleared);
      expect(createdAt, "older than what was stored").toBeGreaterThanOrEqual(newest);
    }
  }
}

describe("whatever is done to tiers of whatever kind", () => {
  test("one at a time, with stores that fail, nothing deleted, nothing older and nobody else's is served", () =>
    fc.assert(
      fc.asyncProperty(tiersArbitrary, steps(true), async (shape, todo) => {
        const run = new Run(shape);
        await run.fill(shape);
        for (const step of todo) if (step.type !== "delay") await run.do(step);
        await run.finish();
        for (const each of NAMES) await run.do({ type: "get", name: each });
      }),
      { numRuns: RUNS },
    ));

  test("all at once, with stores that fail and dawdle, the same", () =>
    fc.assert(
      fc.asyncProperty(tiersArbitrary, fc.array(steps(true), { minLength: 2, maxLength: 4 }), async (shape, todo) => {
        const run = new Run(shape);
        await run.fill(shape);
        for (const lane of todo) {
          run.start(async () => {
            for (const step of lane) {
              if (step.type === "settle") await turn(1);
              else await run.do(step);
            }
          });
        }
        // Who waits for a tier that dawdles is let go in the end.
        for (let index = 0; index < 20; index++) {
          await turn(1);
          for (const faulty of run.faulty) if (index % 3 === 2) faulty.heal();
        }
        await run.finish();
        for (const each of NAMES) await run.do({ type: "get", name: each });
      }),
      { numRuns: RUNS },
    ));

  test("where nothing fails, what was stored and not deleted is found in every tier", () =>
    fc.assert(
      fc.asyncProperty(tiersArbitrary, steps(false), async (shape, todo) => {
        const run = new Run(shape);
        const last = new Map<Name, string | undefined>();
        for (const step of todo) {
          const before = run.clock.now;
          await run.do(step);
          if (step.type === "clear") last.clear();
          if (step.type === "delete") last.delete(step.name);
          if (step.type === "setMany") for (const each of NAMES) last.set(each, `${each} ${run.of(each).newest}`);
          const isNew = (step.type === "set" || step.type === "add") && run.of(step.name).newest > before;
          if (isNew) last.set(step.name, `${step.name} ${run.of(step.name).newest}`);
        }
        await run.finish();
        for (const each of NAMES) {
          for (const [index, { write }] of shape.entries()) {
            const there = await run.faulty[index]?.get({ id: sampleId(each) });
            expect(there?.entry.body.json(), `tier ${index}`).toBe(write ? last.get(each) : undefined);
          }
        }
      }),
      { numRuns: RUNS },
    ));
});
