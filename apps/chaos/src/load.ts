import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { LLMCache, OutcomeStatus } from "@llmcache/core";
import { faultOf, requestOf } from "./answer.ts";
import type { Provider } from "./provider.ts";
import { randomFrom } from "./random.ts";

/** One call, as its caller saw it. Instants are those of `performance.now()`. */
export interface Asked {
  readonly startedAt: number;
  readonly endedAt: number;
  /** What the call took beyond the provider's own time. */
  readonly addedMs: number;
  readonly status: OutcomeStatus | "thrown";
  /** Which answer it was, in the order in which the provider gave them. */
  readonly production: number | undefined;
  /** What is wrong with what the caller got. */
  readonly fault: string | undefined;
  /** How much older than its controls allow the answer was when the call began: not more than 0, if all is well. */
  readonly overdueMs: number;
}

export interface LoadOptions {
  readonly callers: number;
  readonly questions: number;
  /** Of what is stored, in ms. One call in four takes only answers of half that age. */
  readonly ttlMs: number;
}

/** Pause of a caller between two questions. */
const THOUGHT_MS = 8;
/** Between the provider's look at the clock and the cache's lies a turn of the event loop, and sometimes a long one. */
const AGE_SLACK_MS = 150;
const NANOSECONDS = 1e6;
const STRICT_SHARE = 0.25;

/** Callers who ask one question after the other, the same ones in the same order every time. */
export class Load implements AsyncDisposable {
  readonly asked: Asked[] = [];
  readonly #cache: LLMCache;
  readonly #provider: Provider;
  readonly #options: LoadOptions;
  readonly #callers: Promise<void>[];
  readonly #loopDelay: ReturnType<typeof monitorEventLoopDelay> = monitorEventLoopDelay();
  #stopped = false;

  constructor(cache: LLMCache, provider: Provider, options: LoadOptions) {
    this.#cache = cache;
    this.#provider = provider;
    this.#options = options;
    this.#loopDelay.enable();
    this.#callers = Array.from({ length: options.callers }, (_, seed) => this.#call(seed));
  }

  /** Resolves when the last call has been answered. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#callers);
    this.#loopDelay.disable();
  }

  /** What was wrong with answers. */
  faults(): string[] {
    const slackMs = AGE_SLACK_MS + this.#loopDelay.max / NANOSECONDS;
    return this.asked.flatMap(({ fault, overdueMs, status }) => {
      if (fault !== undefined) return fault;
      return overdueMs > slackMs ? `stale: the answer to a call (${status}) was ${overdueMs} ms too old` : [];
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #call(seed: number): Promise<void> {
    const random = randomFrom(seed);
    while (!this.#stopped) {
      await this.#ask(Math.floor(random() * this.#options.questions), random() < STRICT_SHARE);
      await sleep(THOUGHT_MS);
    }
  }

  async #ask(question: number, isStrict: boolean): Promise<void> {
    const atMostMs = isStrict ? this.#options.ttlMs / 2 : this.#options.ttlMs;
    const [startedAt, at] = [performance.now(), Date.now()];
    try {
      const { status, value } = await this.#cache.through(
        requestOf(question),
        () => this.#provider.ask(question),
        isStrict ? { sMaxAge: atMostMs / 1000 } : {},
      );
      const endedAt = performance.now();
      const fault = faultOf(value, question);
      const overdueMs = at - value.givenAt - atMostMs;
      const addedMs = endedAt - startedAt - this.#provider.timeFor(value, startedAt, endedAt);
      const { production } = value;
      this.asked.push({ startedAt, endedAt, addedMs, status, production, fault, overdueMs });
    } catch (error) {
      const endedAt = performance.now();
      this.asked.push({
        startedAt,
        endedAt,
        addedMs: endedAt - startedAt,
        status: "thrown",
        production: undefined,
        overdueMs: 0,
        fault: `thrown: ${String(error)}`,
      });
    }
  }
}
