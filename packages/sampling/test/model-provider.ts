import { functionSampler, type Sampler, type SampleRun } from "@llmcache/sampling";

/** One request that a {@link ModelProvider} was asked. */
export interface Asked {
  readonly prompt: unknown;
  readonly count: number;
  readonly run: SampleRun;
  answer(samples: readonly unknown[]): void;
  fail(error: unknown): void;
}

/** A model that gives `"<prompt> 1"`, `"<prompt> 2"` …, or answers by hand. */
export class ModelProvider {
  readonly asked: Asked[] = [];
  /** Requests are answered by hand. */
  byHand = false;
  /** Thrown by the next request. */
  nextError: Error | undefined;
  readonly sampler: Sampler;
  #values = 0;

  constructor(maxBatch = 1, identity: Sampler["identity"] = { operation: "sample", model: "m" }) {
    this.sampler = functionSampler((prompt, count, run) => this.#ask(prompt, count, run), identity, {
      maxBatch,
    });
  }

  get counts(): number[] {
    return this.asked.map(({ count }) => count);
  }

  get last(): Asked {
    return this.asked.at(-1) as Asked;
  }

  values(prompt: unknown, count: number): string[] {
    return Array.from({ length: count }, () => `${JSON.stringify(prompt)} ${++this.#values}`);
  }

  async #ask(prompt: unknown, count: number, run: SampleRun): Promise<readonly string[]> {
    const { promise, resolve, reject } = Promise.withResolvers<readonly unknown[]>();
    this.asked.push({ prompt, count, run, answer: resolve, fail: reject });
    run.signal.addEventListener("abort", () => reject(run.signal.reason), { once: true });
    const error = this.nextError;
    this.nextError = undefined;
    if (error !== undefined) throw error;
    return this.byHand ? ((await promise) as string[]) : this.values(prompt, count);
  }
}

/** Lets everything run that needs no more than microtasks and one turn of the event loop. */
export async function turn(times = 2): Promise<void> {
  for (let i = 0; i < times; i++) await new Promise((resolve) => void setImmediate(resolve));
}

/** The next value. */
export async function next<S>(sequence: AsyncIterator<S>): Promise<S> {
  const result = await sequence.next();
  if (result.done === true) throw new Error("The sequence ended.");
  return result.value;
}
