import {
  LLMCache,
  MapStore,
  storeFrom,
  TieredStore,
  withBreaker,
  type CacheRequest,
  type LLMCacheOptions,
  type StreamOptions,
} from "@llmcache/core";

/** So many calls of one kind, one after the other; `signal` is one and the same for all of them. */
export type Kind = (times: number, signal: AbortSignal) => Promise<LLMCache>;

const FEW = 100;
const CHUNKS: StreamOptions<string> = {
  encode: (chunks) => [...chunks],
  decode: (body) => body.json() as string[],
};

function requestOf(prompt: number): CacheRequest {
  return { operation: "chaos", prompt: `question ${prompt}` };
}

/** Over a store that holds little, so that what grows is not what is stored. */
function small(options: LLMCacheOptions = {}): LLMCache {
  return new LLMCache({ store: new MapStore({ maxEntries: FEW }), ttl: "1h", ...options });
}

async function* chunks(): AsyncGenerator<string> {
  yield "one";
  yield "two";
}

async function readAll(stream: AsyncIterable<string>): Promise<void> {
  for await (const _ of stream);
}

/** `call` in turn, on one cache. */
function each(
  call: (cache: LLMCache, turn: number, signal: AbortSignal) => Promise<unknown>,
  options?: LLMCacheOptions,
): Kind {
  const cache = small(options);
  let turn = 0;
  return async (times, signal) => {
    for (let i = 0; i < times; i++) await call(cache, turn++, signal);
    await cache.settled();
    return cache;
  };
}

const answer = (): Promise<string> => Promise.resolve("answer");
const fails = (): Promise<never> => Promise.reject(new Error("the provider fails"));
const wrapping = small();
const wrapped = wrapping.wrap(async function question(turn: number) {
  return turn;
});
const failing = new LLMCache({
  store: storeFrom({ get: () => Promise.reject(new Error("down")), set: () => Promise.reject(new Error("down")) }),
});
const hanging = new LLMCache({
  store: storeFrom({ get: () => new Promise(() => undefined), set: () => new Promise(() => undefined) }),
  storeTimeoutMs: 1,
});
const ABREAST = 500;

export const KINDS: Readonly<Record<string, () => Kind>> = {
  "through, hit": () => each((cache, _, signal) => cache.through(requestOf(0), answer, { signal })),
  "through, miss": () => each((cache, turn, signal) => cache.through(requestOf(turn), answer, { signal })),
  "through, joined": () =>
    each((cache, turn, signal) => Promise.all([1, 2].map(() => cache.through(requestOf(turn), answer, { signal })))),
  "through, the provider fails": () =>
    each((cache, turn, signal) => cache.through(requestOf(turn), fails, { signal }).catch(() => undefined)),
  "through, the caller goes away": () =>
    each((cache, turn) => {
      const controller = new AbortController();
      const call = cache.through(requestOf(turn), ({ signal }) => untilAborted(signal), { signal: controller.signal });
      controller.abort(new Error("gone"));
      return call.catch(() => undefined);
    }),
  "through, past the cache": () =>
    each((cache, turn, signal) => cache.through(requestOf(turn), answer, { signal, use: false })),
  "through, only if cached": () =>
    each((cache, turn, signal) =>
      cache.through(requestOf(turn), answer, { signal, onlyIfCached: true }).catch(() => undefined),
    ),
  "through, the store fails": () => async (times, signal) => {
    for (let i = 0; i < times; i++) await failing.through(requestOf(i), answer, { signal });
    await failing.settled();
    return failing;
  },
  "through, the store hangs": () => async (times, signal) => {
    for (let from = 0; from < times; from += ABREAST) {
      const turns = Array.from({ length: Math.min(ABREAST, times - from) }, (_, i) => from + i);
      await Promise.all(turns.map((turn) => hanging.through(requestOf(turn), answer, { signal })));
    }
    await hanging.settled();
    return hanging;
  },
  "through, with tags": () =>
    each(async (cache, turn, signal) => {
      await cache.through(requestOf(turn % FEW), answer, { signal, tags: [`t${turn}`] });
      if (turn % FEW === 0) await cache.invalidate({ tags: [`t${turn}`] });
    }),
  "through, with a lease": () =>
    each((cache, turn, signal) => cache.through(requestOf(turn), answer, { signal }), { leaseMs: 60_000 }),
  "through, stale while it is asked for anew": () => {
    let now = 0;
    return each(
      async (cache, turn, signal) => {
        now += 2000;
        await cache.through(requestOf(turn % 2), answer, { signal, ttl: 1, staleWhileRevalidate: "1h" });
        await cache.settled();
      },
      { clock: () => now },
    );
  },
  "through, tiers behind breakers": () => {
    const tiers = [1, 2].map(() => withBreaker(new MapStore({ maxEntries: FEW })));
    const store = new TieredStore(tiers);
    return each((cache, turn, signal) => cache.through(requestOf(turn), answer, { signal }), { store });
  },
  throughMany: () =>
    each((cache, turn, signal) =>
      cache.throughMany(
        [requestOf(0), requestOf(turn), requestOf(turn), requestOf(turn + 1)],
        async (missing) => missing.map(() => "answer"),
        { signal },
      ),
    ),
  "stream, hit": () =>
    each(async (cache, _, signal) => readAll((await cache.stream(requestOf(0), chunks, { ...CHUNKS, signal })).value)),
  "stream, miss": () =>
    each(async (cache, turn, signal) =>
      readAll((await cache.stream(requestOf(turn), chunks, { ...CHUNKS, signal })).value),
    ),
  "stream, joined": () =>
    each((cache, turn, signal) =>
      Promise.all(
        [1, 2].map(async () => readAll((await cache.stream(requestOf(turn), chunks, { ...CHUNKS, signal })).value)),
      ),
    ),
  "stream, abandoned": () =>
    each(async (cache, turn, signal) => {
      const { value } = await cache.stream(requestOf(turn), chunks, { ...CHUNKS, signal });
      for await (const _ of value) break;
    }),
  wrap: () => async (times) => {
    for (let i = 0; i < times; i++) await wrapped(i);
    await wrapping.settled();
    return wrapping;
  },
  "get, set, delete": () =>
    each(async (cache, turn) => {
      await cache.set(requestOf(turn), "answer");
      await cache.get(requestOf(turn));
      await cache.delete(requestOf(turn));
    }),
  run: () =>
    each((cache, turn, signal) =>
      cache.run({ namespace: `n${turn}` }, () => cache.through(requestOf(turn), answer, { signal })),
    ),
  "a cache for each call, over one store": () => {
    const store = new MapStore({ maxEntries: FEW });
    let last = new LLMCache({ store });
    return async (times, signal) => {
      for (let i = 0; i < times; i++) {
        last = new LLMCache({ store });
        last.on(() => undefined);
        await last.through(requestOf(i), answer, { signal });
        await last[Symbol.asyncDispose]();
      }
      return last;
    };
  },
};

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
