/** One layer, by number: what it stands on comes before it. */
export interface Node {
  readonly kind: "provider" | "repeatable" | "independent" | "persistent";
  readonly below: number;
  readonly maxBatch: number;
  readonly store: number;
  readonly replication: boolean;
}

/** What one consumer draws from: a layer for a prompt; of a provider, a buffer of its own. */
export type Handle = readonly [node: number, prompt: string, buffer: number];

/** Everything that can change: plain data, so that it can be copied. */
export class State {
  stores: Map<string, Map<number, number>>[] = [new Map(), new Map()];
  layers: Map<string, { below: Handle; next: number; values: Map<number, number> }> = new Map();
  buffers: number[][] = [];
  asked: [prompt: string, count: number][] = [];
  values = 0;
  failures = 0;
}

/** The semantics, in as few lines as they take: sequential, in memory, no concurrency. */
export function open(nodes: readonly Node[], state: State, node: number, prompt: string): Handle {
  return [node, prompt, nodes[node]!.kind === "provider" ? state.buffers.push([]) - 1 : -1];
}

export function draw(nodes: readonly Node[], state: State, handle: Handle, position: number, batch: number): number {
  const [number, prompt, buffer] = handle;
  const node = nodes[number]!;
  if (node.kind === "provider") {
    const values = state.buffers[buffer]!;
    if (values.length === 0) {
      const count = Math.ceil(batch / Math.ceil(batch / node.maxBatch));
      state.asked.push([prompt, count]);
      if (state.failures > 0) throw new Error(`failure ${state.failures--}`);
      for (let i = 0; i < count; i++) values.push(state.values++);
    }
    return values.shift()!;
  }
  const name = `${number}/${prompt}`;
  const layer = state.layers.get(name) ?? { below: open(nodes, state, node.below, prompt), next: 0, values: new Map() };
  state.layers.set(name, layer);
  if (node.kind === "independent") {
    const at = Math.max(layer.next, position);
    const value = draw(nodes, state, layer.below, at, batch);
    layer.next = at + 1;
    return value;
  }
  const store = state.stores[node.store]!;
  if (!store.has(prompt)) store.set(prompt, new Map());
  const values = node.kind === "persistent" ? store.get(prompt)! : layer.values;
  if (!values.has(position)) {
    if (node.kind === "persistent" && node.replication) throw new Error("miss");
    const value = draw(nodes, state, layer.below, position, batch);
    if (!values.has(position)) values.set(position, value);
  }
  return values.get(position)!;
}
