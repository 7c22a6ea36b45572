import { Claims } from "./claims.ts";
import type { Drawn, Feed, Layer, Pull } from "./layer.ts";
import type { Prompt } from "./prompt.ts";

/** One shared cursor per prompt, for as long as the layer lives: every pull, whoever's, is a value that nobody else gets here. */
export class IndependentLayer implements Layer {
  readonly isPersistent: boolean;
  readonly #below: Layer;
  readonly #cursors: Map<string, Cursor> = new Map<string, Cursor>();

  constructor(below: Layer) {
    this.#below = below;
    this.isPersistent = below.isPersistent;
  }

  open(prompt: Prompt): Feed {
    const known = this.#cursors.get(prompt.id);
    if (known !== undefined) return known;
    const cursor = new Cursor(this.#below.open(prompt));
    this.#cursors.set(prompt.id, cursor);
    return cursor;
  }
}

class Cursor implements Feed {
  /** It stays with the layer. */
  readonly isIdle = true;
  readonly #below: Feed;
  readonly #claims: Claims = new Claims();

  constructor(below: Feed) {
    this.#below = below;
  }

  get hasSpare(): boolean {
    return this.#below.hasSpare;
  }

  async draw(position: number, pull: Pull): Promise<Drawn> {
    const claim = this.#claims.take(position);
    try {
      const drawn = await this.#below.draw(claim.position, pull);
      const giveBack = (): void => {
        drawn.giveBack();
        this.#claims.giveBack(claim);
      };
      return { ...drawn, giveBack };
    } catch (error) {
      this.#claims.giveBack(claim);
      throw error;
    }
  }
}
