import { inspect } from "node:util";
import { isLLMCacheError, MapStore } from "@llmcache/core";
import type { NamedEmbedder, OpenOptions } from "@llmcache/core/open";
import { openSimilar, similarParameters, type SimilarStoreOptions } from "@llmcache/similarity/stores";
import { afterEach, expect, test, vi } from "vitest";

/** What was done, in order. */
const done: string[] = [];
afterEach(() => {
  done.length = 0;
  vi.useRealTimers();
});

function embedderOf(id: string, load?: () => Promise<void>): NamedEmbedder {
  return {
    id,
    dimensions: undefined,
    embed: () => Promise.reject(new Error("not asked")),
    ...(load === undefined ? {} : { load }),
    async [Symbol.asyncDispose]() {
      done.push("embedder disposed");
    },
  };
}

class Made extends MapStore {
  readonly settings: Partial<SimilarStoreOptions>;
  constructor(settings: Partial<SimilarStoreOptions>) {
    super();
    this.settings = settings;
  }
  override async [Symbol.asyncDispose](): Promise<void> {
    done.push("store disposed");
    if (this.settings.threshold === 0) throw new Error("cannot be closed");
  }
}

function opened(query: string, options: OpenOptions = { embedder: (name) => embedderOf(name) }): Promise<Made> {
  const url = `test-semantic:?${query}`;
  const { embedder, dimensions, threshold, guard } = similarParameters(url, {});
  return openSimilar(url, { embedder, dimensions, threshold, guard }, options, (similar) => new Made(similar));
}

async function refusal(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (error) {
    expect(inspect(error, { depth: 5, showHidden: true })).not.toContain("sk-123");
    return isLLMCacheError(error, "ERR_LLMCACHE_OPTION") ? error.message : String(error);
  }
  return "not refused";
}

test("the embedder is made by its name, and told where packages are, and which dimensions", async () => {
  const embedder = vi.fn((name: string) => embedderOf(name));
  const { settings } = await opened("embedder=openai%2Fsome&dimensions=256&threshold=0.7", { embedder, from: "/app" });
  expect(embedder).toHaveBeenCalledExactlyOnceWith("openai/some", { from: "/app", dimensions: 256 });
  expect(settings).toMatchObject({ embedder: { id: "openai/some" }, threshold: 0.7 });
  expect(settings).not.toHaveProperty("guard");
});

test("a threshold that was measured for the embedder is taken where none is given, with the guard alone", async () => {
  expect((await opened("embedder=use-lite")).settings.threshold).toBe(0.9);
  expect((await opened("embedder=use-lite&guard=true")).settings).toMatchObject({ threshold: 0.9, guard: true });
  expect((await opened("embedder=use-lite&threshold=0.5&guard=false")).settings).toMatchObject({
    threshold: 0.5,
    guard: false,
  });
  expect(await refusal(() => opened("embedder=use-lite&guard=false"))).toContain("threshold is missing");
  expect(await refusal(() => opened("embedder=unknown"))).toMatch(/threshold is missing.*for unknown.*calibrate/);
});

test("the store disposes of its embedder, after itself and once, though it fails", async () => {
  const store = await opened("embedder=x&threshold=0.9");
  await Promise.all([store[Symbol.asyncDispose](), store[Symbol.asyncDispose]()]);
  expect(done.splice(0)).toEqual(["store disposed", "embedder disposed"]);
  const stuck = await opened("embedder=x&threshold=0");
  await expect(stuck[Symbol.asyncDispose]()).rejects.toThrow("cannot be closed");
  expect(done).toEqual(["store disposed", "embedder disposed"]);
});

test("an embedder whose store cannot be made is disposed", async () => {
  const options = { embedder: (name: string) => embedderOf(name) };
  const make = (): Made => {
    throw new Error("no such server");
  };
  await expect(openSimilar("x:", { embedder: "x", threshold: 1 }, options, make)).rejects.toThrow("no such server");
  expect(done).toEqual(["embedder disposed"]);
});

test("a model is loaded first; one that cannot be, or takes long, keeps nothing from opening", async () => {
  vi.useFakeTimers();
  const openedWith = async (load: () => Promise<void>): Promise<{ isOpen: boolean }> => {
    const state = { isOpen: false };
    const opening = opened("embedder=x&threshold=1", { embedder: (name) => embedderOf(name, load) });
    void opening.then(() => (state.isOpen = true));
    await vi.advanceTimersByTimeAsync(9999);
    return state;
  };
  const loading = Promise.withResolvers<void>();
  const waiting = await openedWith(() => loading.promise);
  expect(waiting.isOpen).toBe(false);
  loading.resolve();
  await vi.advanceTimersByTimeAsync(0);
  expect(waiting.isOpen).toBe(true);
  expect(vi.getTimerCount()).toBe(0);
  expect((await openedWith(() => Promise.reject(new Error("no hub")))).isOpen).toBe(true);
  const slow = await openedWith(() => new Promise(() => undefined));
  expect(slow.isOpen).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(slow.isOpen).toBe(true);
  expect(done).toEqual([]);
});

test.each([
  ["threshold=0.9", "embedder is missing"],
  ["embedder=&threshold=0.9", "embedder is missing"],
  ["embedder=x&threshold=high", "threshold must be a number"],
  ["embedder=x&threshold=0.9&guard=perhaps", "guard must be true or false"],
  ["embedder=x&embedder=y&threshold=0.9", "embedder stands twice"],
  ["embedder=x&treshold=0.9", "treshold is no parameter"],
  ["embedder=x&apiKey=sk-123", "OPENAI_API_KEY"],
  ["embedder=x&api_key=sk-123", "OPENAI_API_KEY"],
  ["embedder=x&token=sk-123", "OPENAI_API_KEY"],
  ["embedder=x&baseURL=http://sk-123@host", "OPENAI_BASE_URL"],
])("%s is refused", async (query, message) => {
  expect(await refusal(() => opened(query))).toContain(message);
});

test("parameters of the store's own stand beside them", () => {
  expect(similarParameters("x:?embedder=a&mine=5s&maxEntryBytes=1kB", { mine: "durationMs" })).toEqual({
    embedder: "a",
    mine: 5000,
    maxEntryBytes: 1000,
  });
  expect(similarParameters("x:?keyPrefix=a", { keyPrefix: "text" })).toEqual({ keyPrefix: "a" });
});
