/** A promise that a test resolves: for `gate` in a script, or to await anywhere. */
export interface Gate {
  /** Resolves when the gate is opened. */
  readonly opened: Promise<void>;
  /** Opening twice does nothing. */
  open(): void;
}

export function createGate(): Gate {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

/** Lets the chunks of one stream through as the test says. It is itself what `stream.gate` takes. */
export interface ChunkGate {
  (index: number): Promise<void>;
  /** Lets so many further chunks through; those already let through count, sent or not. */
  pass(count: number): void;
  /** Lets everything through that is still to come. */
  open(): void;
}

/** A chunk gate, closed. It belongs to one answer: a second one would find the first one's chunks let through. */
export function createChunkGate(): ChunkGate {
  let allowed = 0;
  const waiting = new Map<number, Gate>();

  const wait = (index: number): Promise<void> => {
    if (index < allowed) return Promise.resolve();
    const gate = waiting.get(index) ?? createGate();
    waiting.set(index, gate);
    return gate.opened;
  };
  const pass = (count: number): void => {
    allowed += count;
    for (const [index, gate] of waiting) {
      if (index >= allowed) continue;
      waiting.delete(index);
      gate.open();
    }
  };
  return Object.assign(wait, { pass, open: () => pass(Number.POSITIVE_INFINITY) });
}
