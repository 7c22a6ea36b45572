import type { Drawn } from "./layer.ts";
import type { Prompt } from "./prompt.ts";

/** Where a persistent layer keeps samples by position: in a store, or in a directory of another program's format. */
export interface Shelf {
  /** For messages. */
  readonly name: string;
  /** @throws LLMCacheError if prompts like this cannot be kept here. */
  check(prompt: Prompt): void;
  /** What is at a position; absent if nothing, or nothing that can be read. */
  read(prompt: Prompt, position: number, signal: AbortSignal | undefined): Promise<Shelved | undefined>;
  /** The same for several positions; `undefined` where they are better read one by one. */
  readonly readMany:
    | ((
        prompt: Prompt,
        positions: readonly number[],
        signal: AbortSignal | undefined,
      ) => Promise<readonly (Shelved | undefined)[]>)
    | undefined;
  /** What is to be added; the same object again if adding it failed, so that it is known again. */
  prepare(prompt: Prompt, position: number, drawn: Drawn): Prepared;
  /** Processes wait for each other where one of them asks; `undefined`: they do not. */
  readonly lease: ((prompt: Prompt, position: number) => Promise<LeaseAttempt>) | undefined;
}

/** A sample that is kept. */
export type Shelved = Omit<Drawn, "giveBack">;

/** See {@link Shelf.prepare}. */
export interface Prepared {
  readonly kept: Shelved;
  /** Atomically, in the place of nothing or of what could not be read. @returns whether it is there now. */
  add(): Promise<boolean>;
  /** Where that said no, or failed: is it this very sample that is there all the same? */
  is(there: Shelved): boolean;
}

/** A lease, or somebody else has it. */
export type LeaseAttempt = HeldLease | "taken";

/** The word that nobody else asks. It ends by itself if its holder does not renew it. */
export interface HeldLease {
  /** Never rejects. */
  end(): Promise<void>;
}
