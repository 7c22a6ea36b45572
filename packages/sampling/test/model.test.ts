import { describe, expect, test } from "vitest";
import { MapStore, type Store } from "@llmcache/core";
import { functionSampler, independent, persistent, repeatable, type Sampler } from "@llmcache/sampling";
import { draw, open, State, type Handle, type Node } from "./reference-model.ts";

const FULL = process.env["LLMCACHE_TEST_FULL"] === "1";
const STEPS = FULL ? 1_000_000 : 12_000;
const STEPS_PER_WORLD = 60;
const PROMPTS = ["", "__proto__", "p", "q"];
const IDENTITY = { operation: "sample", model: "m" };

interface Reader {
  readonly real: AsyncIterableIterator<string>;
  readonly handle: Handle;
  readonly batch: number;
  readonly node: number;
  position: number;
}

/** The same stack of layers in earnest. */
class World {
  samplers: Sampler[] = [];
  readonly asked: [string, number][] = [];
  failures = 0;
  readonly stores: Store[] = [new MapStore({ maxEntries: 100_000 }), new MapStore({ maxEntries: 100_000 })];
  readonly nodes: readonly Node[];
  #values = 0;

  constructor(nodes: readonly Node[]) {
    this.nodes = nodes;
    this.restart();
  }

  /** Another process: nothing is left but the stores. */
  restart(): void {
    this.samplers = [];
    for (const node of this.nodes) {
      const below = this.samplers[node.below]!;
      const { replication } = node;
      this.samplers.push(
        node.kind === "provider"
          ? functionSampler((prompt, count) => this.#ask(prompt, count), IDENTITY, node)
          : node.kind === "repeatable"
            ? repeatable(below)
            : node.kind === "independent"
              ? independent(below)
              : persistent(below, this.stores[node.store]!, { replication, leaseMs: 0 }),
      );
    }
  }

  async #ask(prompt: string, count: number): Promise<string[]> {
    this.asked.push([prompt, count]);
    if (this.failures > 0) throw new Error(`failure ${this.failures--}`);
    return Array.from({ length: count }, () => textOf(this.#values++));
  }
}

/** The first value is the empty text. */
function textOf(value: number): string {
  return value === 0 ? "" : `value ${value}`;
}

/** Numbers that are the same for the same seed. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below) | 0;
  };
}

/** A provider, and layers of which each stands on any before it. With `apart`, each store belongs to one layer. */
function randomNodes(random: (below: number) => number, apart: boolean): Node[] {
  const nodes: Node[] = [{ kind: "provider", below: -1, maxBatch: 1 + random(4), store: 0, replication: false }];
  const kinds = ["repeatable", "independent", "persistent", "persistent"] as const;
  let stores = 0;
  for (let layers = 2 + random(6); layers > 0; layers--) {
    let kind: Node["kind"] = kinds[random(kinds.length)]!;
    if (apart && kind === "persistent" && stores++ >= 2) kind = "independent";
    const store = apart ? Math.min(stores, 2) - 1 : random(2);
    // Stacks, rather than bushes.
    const below = random(3) > 0 ? nodes.length - 1 : random(nodes.length);
    const replication = !apart && random(12) === 0;
    nodes.push({ kind, below, maxBatch: 1, store: Math.max(0, store), replication });
  }
  return nodes;
}

describe("random stacks and random pulls behave like the reference model", () => {
  test("one after the other: the same values, errors and requests", async () => {
    for (let seed = 1, steps = 0; steps < STEPS; seed++) steps += await oneByOne(seed);
  });

  test("at once: like the model in some order of the pulls", async () => {
    for (let seed = 1, steps = 0; steps < STEPS; seed++) steps += await atOnce(seed);
  });
});

/** @returns the number of steps. */
async function oneByOne(seed: number): Promise<number> {
  const random = randomFrom(seed);
  const world = new World(randomNodes(random, false));
  const state = new State();
  let readers: Reader[] = [];
  const where = (): string => `seed ${seed}: ${JSON.stringify(world.nodes)}`;
  for (let step = 0; step < STEPS_PER_WORLD; step++) {
    const what = random(20);
    if (what < 4 || readers.length === 0) readers.push(newReader(world, state, random));
    else if (what === 4) {
      readers = [];
      state.layers.clear();
      world.restart();
      if (random(2) === 0) await lose(world, state, random);
    } else if (what === 5) {
      world.failures++;
      state.failures++;
    } else if (what === 6) await readers[random(readers.length)]!.real.return?.();
    else {
      const reader = readers[random(readers.length)]!;
      expect(await pullReal(reader), where()).toEqual(pullModel(world.nodes, state, reader));
    }
    expect(world.asked, where()).toEqual(state.asked);
  }
  return STEPS_PER_WORLD;
}

function newReader(world: World, state: State, random: (below: number) => number): Reader {
  const node = random(world.nodes.length);
  const prompt = PROMPTS[random(PROMPTS.length)]!;
  const batch = random(3) === 0 ? 1 + random(6) : 1;
  const from = random(5) === 0 ? random(6) : 0;
  const handle = open(world.nodes, state, node, prompt);
  return { real: world.samplers[node]!.sample(prompt, { batch, from }), handle, batch, node, position: from };
}

/** A store may lose what it has. */
async function lose(world: World, state: State, random: (below: number) => number): Promise<void> {
  const number = random(2);
  const prompt = PROMPTS[random(PROMPTS.length)]!;
  const position = random(4);
  state.stores[number]!.get(prompt)?.delete(position);
  const { requestKey } = await import("@llmcache/core");
  await world.stores[number]!.delete(requestKey({ ...IDENTITY, prompt, sample: position }));
}

type Result = { readonly value: string } | { readonly error: string };

async function pullReal({ real }: Reader): Promise<Result> {
  try {
    return { value: (await real.next()).value as string };
  } catch (error) {
    const { code, message } = error as { readonly code?: string; readonly message: string };
    return { error: code === "ERR_LLMCACHE_MISS" ? "miss" : message };
  }
}

function pullModel(nodes: readonly Node[], state: State, reader: Reader): Result {
  try {
    const value = draw(nodes, state, reader.handle, reader.position, reader.batch);
    reader.position++;
    return { value: textOf(value) };
  } catch (error) {
    return { error: (error as Error).message };
  }
}

/** A model that the real one may be in. Its values are numbered as the real ones are. */
interface Candidate {
  readonly state: State;
  /** Of the readers. */
  readonly positions: readonly number[];
}

const MOST_AT_ONCE = 3;
/** With more the world is left: following all of them takes too long. */
const MOST_CANDIDATES = 30;
/** Values that the model makes are numbered from here on until it is known which real ones they are. */
const UNNAMED = -1_000_000;

/** @returns the number of steps until the end, or until there were too many candidates. */
async function atOnce(seed: number): Promise<number> {
  const random = randomFrom(seed * 7919);
  const world = new World(randomNodes(random, true));
  const readers: Reader[] = [];
  const seen = new Set<number>();
  let candidates: readonly Candidate[] = [{ state: Object.assign(new State(), { buffers: [[]] }), positions: [] }];
  let step = 0;
  while (step < STEPS_PER_WORLD && candidates.length <= MOST_CANDIDATES) {
    if (readers.length < 3 || random(5) === 0) {
      const node = random(world.nodes.length);
      const prompt = PROMPTS[random(2)]!;
      const from = random(8) === 0 ? random(4) : 0;
      candidates = candidates.map(({ state, positions }) => ({ state, positions: [...positions, from] }));
      const real = world.samplers[node]!.sample(prompt, { from });
      // Requests are for one sample: all buffers are empty, and may be one.
      readers.push({ real, handle: [node, prompt, 0], batch: 1, node, position: from });
      step++;
      continue;
    }
    const pulled = Array.from({ length: 1 + random(MOST_AT_ONCE) }, () => random(readers.length));
    const values = await Promise.all(
      pulled.map(async (reader) => numberOf((await readers[reader]!.real.next()).value as string)),
    );
    step += pulled.length;
    const next = new Map<string, Candidate>();
    for (const candidate of candidates)
      for (const order of ordersOf(pulled)) {
        const found = follow(world.nodes, candidate, readers, pulled, values, order, seen);
        if (found !== undefined) next.set(JSON.stringify(found, mapsToo), found);
      }
    candidates = [...next.values()];
    for (const value of values) seen.add(value);
    const what = JSON.stringify({ nodes: world.nodes, pulled, values });
    expect(candidates.length, `seed ${seed}: ${what}`).toBeGreaterThan(0);
  }
  const requests = candidates.map(({ state }) => state.asked.length);
  expect(requests, `seed ${seed}`).toContain(world.asked.length);
  return step;
}

function numberOf(text: string): number {
  return text === "" ? 0 : Number(text.slice("value ".length));
}

/** The candidate after these pulls in this order, if they give what they gave. */
function follow(
  nodes: readonly Node[],
  { state: before, positions: at }: Candidate,
  readers: readonly Reader[],
  pulled: readonly number[],
  values: readonly number[],
  order: readonly number[],
  seen: ReadonlySet<number>,
): Candidate | undefined {
  const state = Object.assign(new State(), structuredClone(before), { values: UNNAMED });
  const names = new Map<number, number>();
  const positions = [...at];
  for (const index of order) {
    const reader = pulled[index]!;
    const value = draw(nodes, state, readers[reader]!.handle, positions[reader]!, 1);
    positions[reader]!++;
    const real = values[index]!;
    if (value < 0 && !names.has(value) && !seen.has(real) && ![...names.values()].includes(real))
      names.set(value, real);
    if ((names.get(value) ?? value) !== real) return undefined;
  }
  for (const map of [...state.layers.values()]
    .map((layer) => layer.values)
    .concat(...state.stores.map((each) => [...each.values()])))
    for (const [position, value] of map) map.set(position, names.get(value) ?? value);
  for (const layer of state.layers.values()) layer.below = [layer.below[0], layer.below[1], 0];
  return { state: Object.assign(state, { buffers: [[]], asked: state.asked.sort(byText), values: 0 }), positions };
}

/** All orders, but pulls of one reader stay in the order in which they were made. */
function ordersOf(pulled: readonly number[]): number[][] {
  const all = (count: number): number[][] =>
    count === 0
      ? [[]]
      : all(count - 1).flatMap((order) =>
          Array.from({ length: count }, (_, at) => [...order.slice(0, at), count - 1, ...order.slice(at)]),
        );
  return all(pulled.length).filter((order) =>
    order.every((a, i) => order.slice(i + 1).every((b) => pulled[a] !== pulled[b] || a < b)),
  );
}

function mapsToo(_: string, value: unknown): unknown {
  return value instanceof Map ? [...(value as Map<unknown, unknown>)].sort(byText) : value;
}

function byText(a: unknown, b: unknown): number {
  return JSON.stringify(a) < JSON.stringify(b) ? -1 : 1;
}
