import { AsyncLocalStorage } from "node:async_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { LLMCacheError } from "@llmcache/core";
import type { Drawn, Feed, Layer, Pull } from "./layer.ts";
import { sampleId, type Prompt } from "./prompt.ts";
import { orAborted } from "./or-aborted.ts";
import { ReadAhead } from "./read-ahead.ts";
import { SharedPulls } from "./shared-pulls.ts";
import type { HeldLease, Prepared, Shelf, Shelved } from "./shelf.ts";

const FIRST_WAIT_MS = 5;
const LONGEST_WAIT_MS = 250;
const WAIT_GROWTH = 1.5;
/** How often a sample may vanish from the store right after it was there, before that is its failure. */
const MAX_LOSSES = 3;
/** Samples that the caller is filling: a layer far below, behind somebody else's sampler, must not wait for him. */
const filling: AsyncLocalStorage<readonly string[]> = new AsyncLocalStorage<readonly string[]>();

/** One kept sequence per prompt: reads what is there, asks below for what is not, and keeps what was pulled. */
export class PersistentLayer implements Layer {
  readonly isPersistent = true;
  readonly #below: Layer | undefined;
  readonly #shelf: Shelf;
  /** Of prompts with something under way or left over. */
  readonly #sequences: Map<string, KeptSequence> = new Map<string, KeptSequence>();

  /** @param below `undefined` in replication. */
  constructor(below: Layer | undefined, shelf: Shelf) {
    this.#below = below;
    this.#shelf = shelf;
  }

  open(prompt: Prompt): Feed {
    this.#shelf.check(prompt);
    return new Reader(new ReadAhead(this.#shelf, prompt), (position, pull) => this.#draw(prompt, position, pull));
  }

  async #draw(prompt: Prompt, position: number, pull: Pull): Promise<Looked> {
    let sequence = this.#sequences.get(prompt.id);
    if (sequence === undefined) {
      sequence = new KeptSequence(this.#shelf, prompt, this.#below);
      this.#sequences.set(prompt.id, sequence);
    }
    try {
      return await sequence.draw(position, pull);
    } finally {
      if (sequence.isIdle && this.#sequences.get(prompt.id) === sequence) this.#sequences.delete(prompt.id);
    }
  }
}

type Looked = Shelved & { readonly wasThere: boolean };

/** One consumer's way to a kept sequence. */
class Reader implements Feed {
  readonly hasSpare = false;
  readonly isIdle = true;
  readonly #ahead: ReadAhead;
  readonly #draw: (position: number, pull: Pull) => Promise<Looked>;
  /** All pulls before have found what they want, or begun to ask for it. */
  #begun: Promise<unknown> = Promise.resolve();

  constructor(ahead: ReadAhead, draw: (position: number, pull: Pull) => Promise<Looked>) {
    this.#ahead = ahead;
    this.#draw = draw;
  }

  async draw(position: number, pull: Pull): Promise<Drawn> {
    const known = this.#ahead.takeRead(position);
    if (known !== undefined) return drawnFrom(known);
    const before = this.#begun;
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    this.#begun = Promise.all([before, begun]);
    try {
      const read = await this.#ahead.take(position, pull.signal);
      if (read !== undefined) return drawnFrom(read);
      // What was pulled first is asked for first, though it was looked for in a page that took longer.
      await orAborted(before, pull.signal);
      const drawing = this.#draw(position, pull);
      begin();
      const looked = await drawing;
      this.#ahead.looked(position, looked.wasThere);
      return drawnFrom(looked);
    } finally {
      begin();
    }
  }
}

/** It stays at its position, whoever gives it back. */
function drawnFrom({ body, metadata, createdAt, path }: Shelved): Drawn {
  return { body, metadata, createdAt, path, giveBack: () => undefined };
}

/** The sequence of one prompt, for all who read it here. */
class KeptSequence {
  readonly #shelf: Shelf;
  readonly #prompt: Prompt;
  readonly #below: Feed | undefined;
  /** Below there is nothing that is persistent: other processes are waited for. */
  readonly #takesLeases: boolean;
  readonly #pulls: SharedPulls<Looked> = new SharedPulls<Looked>();
  /** Samples that could not be written: they may be there all the same, so they are no other position's until that is known. */
  readonly #unwritten: Map<number, { readonly drawn: Drawn; readonly prepared: Prepared }> = new Map();
  /** All pulls before have found what they want, begun to draw it, or are waiting for another process. */
  #begun: Promise<unknown> = Promise.resolve();

  constructor(shelf: Shelf, prompt: Prompt, below: Layer | undefined) {
    this.#shelf = shelf;
    this.#prompt = prompt;
    this.#below = below?.open(prompt);
    this.#takesLeases = below !== undefined && !below.isPersistent && shelf.lease !== undefined;
  }

  get isIdle(): boolean {
    return this.#pulls.isEmpty && this.#unwritten.size === 0 && this.#below?.isIdle !== false;
  }

  draw(position: number, { batch, signal }: Pull): Promise<Looked> {
    return this.#pulls.join(position, signal, (shared) => this.#get(position, { batch, signal: shared }));
  }

  async #get(position: number, pull: Pull): Promise<Looked> {
    const before = this.#begun;
    const { promise: hasBegun, resolve: begin } = Promise.withResolvers<void>();
    this.#begun = Promise.all([before, hasBegun]);
    try {
      const there = await this.#shelf.read(this.#prompt, position, pull.signal);
      if (there !== undefined) return this.#known(position, there);
      if (this.#below === undefined) throw this.#missing(position);
      return await this.#getFrom(this.#below, position, pull, before, begin);
    } finally {
      begin();
    }
  }

  /** Looked for and claimed at once with others; drawn in the order of the pulls. */
  async #getFrom(
    below: Feed,
    position: number,
    pull: Pull,
    before: Promise<unknown>,
    begin: () => void,
  ): Promise<Looked> {
    let lease: HeldLease | undefined;
    try {
      do {
        const claimed = await this.#claim(position, below, pull, begin);
        if ("there" in claimed) return this.#known(position, claimed.there);
        ({ lease } = claimed);
        await orAborted(before, pull.signal);
        // What was spare then may be another's by now.
      } while (lease === undefined && this.#needsLease(position, below));
      const own = lease === undefined ? [] : [sampleId(this.#prompt, position)];
      const filled = filling.run([...(filling.getStore() ?? []), ...own], () => this.#fill(position, below, pull));
      begin();
      return await filled;
    } finally {
      await lease?.end();
    }
  }

  /** Has somebody to be asked, for whom other processes may be waited? */
  #needsLease(position: number, below: Feed): boolean {
    if (!this.#takesLeases || below.hasSpare || this.#unwritten.has(position)) return false;
    return filling.getStore()?.includes(sampleId(this.#prompt, position)) !== true;
  }

  /** Waits while another process asks for this very sample; not where nobody has to be asked. */
  async #claim(
    position: number,
    below: Feed,
    { signal }: Pull,
    onWait: () => void,
  ): Promise<{ readonly there: Shelved } | { readonly lease: HeldLease | undefined }> {
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * WAIT_GROWTH, LONGEST_WAIT_MS)) {
      if (this.#shelf.lease === undefined || !this.#needsLease(position, below)) return { lease: undefined };
      signal?.throwIfAborted();
      const attempt = await this.#shelf.lease(this.#prompt, position);
      // It may have come between the last look and now.
      let there: Shelved | undefined;
      try {
        there = await this.#shelf.read(this.#prompt, position, signal);
      } catch (error) {
        if (attempt !== "taken") await attempt.end();
        throw error;
      }
      if (there === undefined && attempt !== "taken") return { lease: attempt };
      if (attempt !== "taken") await attempt.end();
      if (there !== undefined) return { there };
      onWait();
      await sleep(waitMs, undefined, signal === undefined ? {} : { signal }).catch((error: unknown) => {
        signal?.throwIfAborted();
        throw error;
      });
    }
  }

  async #fill(position: number, below: Feed, pull: Pull): Promise<Looked> {
    for (let losses = 0; losses < MAX_LOSSES; losses++) {
      const { drawn, prepared } = this.#unwritten.get(position) ?? (await this.#draw(position, below, pull));
      this.#unwritten.set(position, { drawn, prepared });
      if (await prepared.add()) {
        this.#unwritten.delete(position);
        return { ...prepared.kept, wasThere: false };
      }
      // Another one has this position. Read without the pull's signal: what was paid for is put in order first.
      const there = await this.#shelf.read(this.#prompt, position, undefined);
      if (there !== undefined) return this.#known(position, there, false);
    }
    throw new LLMCacheError(
      "ERR_LLMCACHE_STORE",
      `The ${this.#shelf.name} neither takes nor gives the sample at position ${position}.`,
    );
  }

  async #draw(position: number, below: Feed, pull: Pull): Promise<{ drawn: Drawn; prepared: Prepared }> {
    const drawn = await below.draw(position, pull);
    try {
      return { drawn, prepared: this.#shelf.prepare(this.#prompt, position, drawn) };
    } catch (error) {
      drawn.giveBack();
      throw error;
    }
  }

  /** What is stored decides. A sample of ours that is not what is there is nobody's yet. */
  #known(position: number, there: Shelved, wasThere = true): Looked {
    const own = this.#unwritten.get(position);
    if (own !== undefined) {
      this.#unwritten.delete(position);
      if (!own.prepared.is(there)) own.drawn.giveBack();
    }
    return { ...there, wasThere };
  }

  #missing(position: number): LLMCacheError {
    return new LLMCacheError(
      "ERR_LLMCACHE_MISS",
      `Sample ${position} of this prompt (key ${this.#prompt.id}) is not in the ${this.#shelf.name}, and replication forbids to ask for it.`,
    );
  }
}
