import type { LLMCache } from "@llmcache/core";
import type { Contender, Suite, Target } from "../harness.ts";
import type { Case } from "../table.ts";

/** One kind of call of a client. */
export interface Work {
  /** Asks for the `n`th variant; what is asked for often is variant 0. */
  readonly raw: (n: number) => Promise<unknown>;
  readonly cached: (n: number) => Promise<unknown>;
  readonly cache: LLMCache;
}

/** After so many the engine has optimised what a call goes through, which is hundreds of functions. */
const WARM_UP_MS = 600;

/** The raw client, beside hits and misses of the cached one: one line of a table. */
export function clientCase(name: string, open: () => Work | Promise<Work>, isQuick: boolean, target?: Target): Case {
  return {
    name,
    async open(): Promise<Suite> {
      const { raw, cached, cache } = await open();
      await cached(0);
      await cache.settled();
      let asked = 1;
      const contenders: readonly Contender[] = [
        repeated("raw", () => raw(0)),
        repeated("hit", () => cached(0)),
        repeated(
          "miss",
          () => cached(asked++),
          () => cache.settled(),
        ),
      ];
      await warmUp(contenders, isQuick ? 0 : WARM_UP_MS);
      const { hits } = cache.stats();
      await cached(0);
      if (cache.stats().hits <= hits) throw new Error(`${name}: a hit was expected`);
      return { title: name, contenders, ...(target === undefined ? {} : { targets: { hit: target } }) };
    },
  };
}

async function warmUp(contenders: readonly Contender[], ms: number): Promise<void> {
  for (const until = Date.now() + ms; Date.now() < until;) for (const each of contenders) await each.run(20);
}

function repeated(name: string, work: () => Promise<unknown>, settled?: () => Promise<void>): Contender {
  return {
    name,
    async run(times) {
      for (let i = 0; i < times; i++) await work();
      await settled?.();
    },
  };
}
