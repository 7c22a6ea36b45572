import { setTimeout as sleep } from "node:timers/promises";
import { answerTo, type Answer } from "./answer.ts";
import { randomFrom } from "./random.ts";

interface Span {
  readonly startedAt: number;
  readonly endedAt: number;
}

const LEAST_MS = 15;
const SPREAD_MS = 15;
const SEED = 7;

/** Somebody who takes 15 to 30 ms for an answer, never fails, and knows what he said when. */
export class Provider {
  readonly #random: () => number = randomFrom(SEED);
  readonly #given: Span[] = [];
  #calls = 0;

  /** How often it was asked. */
  get calls(): number {
    return this.#calls;
  }

  async ask(question: number): Promise<Answer> {
    this.#calls++;
    const startedAt = performance.now();
    await sleep(LEAST_MS + SPREAD_MS * this.#random());
    this.#given.push({ startedAt, endedAt: performance.now() });
    return answerTo(question, this.#given.length - 1, Date.now());
  }

  /** How much of the time between two instants (of `performance.now()`) went into giving this answer. */
  timeFor({ production }: Answer, from: number, to: number): number {
    const span = this.#given[production];
    if (span === undefined) return 0;
    return Math.max(0, Math.min(to, span.endedAt) - Math.max(from, span.startedAt));
  }
}
