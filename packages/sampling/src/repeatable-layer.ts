import type { Drawn, Feed, Layer, Pull } from "./layer.ts";
import type { Prompt } from "./prompt.ts";
import { SharedPulls } from "./shared-pulls.ts";

/** One remembered sequence per prompt, for as long as the layer lives. */
export class RepeatableLayer implements Layer {
  readonly isPersistent: boolean;
  readonly #below: Layer;
  readonly #sequences: Map<string, RememberedSequence> = new Map<string, RememberedSequence>();

  constructor(below: Layer) {
    this.#below = below;
    this.isPersistent = below.isPersistent;
  }

  open(prompt: Prompt): Feed {
    const known = this.#sequences.get(prompt.id);
    if (known !== undefined) return known;
    const sequence = new RememberedSequence(this.#below.open(prompt));
    this.#sequences.set(prompt.id, sequence);
    return sequence;
  }
}

/** Replays what it has and gets what it has not; everybody who reads the prompt shares it. */
class RememberedSequence implements Feed {
  readonly hasSpare = false;
  /** What is remembered stays with the layer. */
  readonly isIdle = true;
  readonly #below: Feed;
  readonly #values: Map<number, Drawn> = new Map<number, Drawn>();
  readonly #pulls: SharedPulls<Drawn> = new SharedPulls<Drawn>();

  constructor(below: Feed) {
    this.#below = below;
  }

  async draw(position: number, { batch, signal }: Pull): Promise<Drawn> {
    const known = this.#values.get(position);
    if (known !== undefined) return known;
    return this.#pulls.join(position, signal, async (shared) => {
      const { body, metadata } = await this.#below.draw(position, { batch, signal: shared });
      // It stays at its position, whoever gives it back.
      const value = { body, metadata, giveBack: () => undefined };
      this.#values.set(position, value);
      return value;
    });
  }
}
