import type { Body, EntryMetadata } from "@llmcache/core";
import type { Prompt } from "./prompt.ts";

/** How layers of this package draw from each other: by position, without copying values. Not published. */
export interface Layer {
  /** Values for one consumer and one prompt: what is left over of its batches stays with the feed. */
  open(prompt: Prompt): Feed;
  /** Is there a persistent layer at or below this one? */
  readonly isPersistent: boolean;
}

/** See {@link Layer.open}. */
export interface Feed {
  /**
   * The value for this position of the consumer: repeatable and persistent layers give theirs of that position, independent ones their
   * next not before it, a provider its next. If it rejects, nothing was used up. Synchronous as far as the order of values hangs on it.
   */
  draw(position: number, pull: Pull): Promise<Drawn>;
  /** Would a value be given without asking anybody? */
  readonly hasSpare: boolean;
  /** Is nothing kept here that a new feed would not have? */
  readonly isIdle: boolean;
}

/** What one pull wants. */
export interface Pull {
  readonly batch: number;
  readonly signal: AbortSignal | undefined;
}

/** A sample on its way up. */
export interface Drawn {
  readonly body: Body;
  readonly metadata: EntryMetadata;
  /** Of one that was stored: since when; a copy keeps it. Milliseconds since the epoch. */
  readonly createdAt?: number | undefined;
  /** Of one that was stored in a file: which. */
  readonly path?: string | undefined;
  /** Nobody has seen it: the next pull may have it. */
  giveBack(): void;
}

/** Hangs on a registered symbol, so that copies of the package agree. */
export const LAYER: unique symbol = Symbol.for("@llmcache/sampling/layer/1") as never;

/** Objects of this package carry their layer. */
export interface Layered {
  readonly [LAYER]: Layer;
}

/** The layer of a sampler of this package; `undefined` for others. */
export function layerOf(sampler: object): Layer | undefined {
  return (sampler as Partial<Layered>)[LAYER];
}
