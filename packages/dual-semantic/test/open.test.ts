import { isLLMCacheError, zstdCodec } from "@llmcache/core";
import { openStore } from "@llmcache/core/open";
import { DualSemanticStore } from "@llmcache/dual-semantic";
import { open } from "@llmcache/dual-semantic/open";
import { beforeEach, expect, test, vi } from "vitest";
import { WordEmbedder } from "../../memory-semantic/test/stage.ts";

const made = vi.hoisted(() => ({ clients: [] as unknown[][], options: [] as unknown[] }));

vi.mock("ioredis", () => {
  class Redis {
    status = "wait";
    constructor(...args: unknown[]) {
      made.clients.push(args);
    }
    call(): void {}
    callBuffer(): void {}
    pipeline(): void {}
    on(): this {
      return this;
    }
    disconnect(): void {}
  }
  return { Redis, Cluster: class Cluster extends Redis {} };
});

vi.mock("../src/factory.ts", async (original) => {
  const module = await original<typeof import("../src/factory.ts")>();
  const dualSemanticStore: typeof module.dualSemanticStore = (options) => {
    made.options.push(options);
    return module.dualSemanticStore(options);
  };
  return { ...module, dualSemanticStore };
});

let disposed = 0;
const embedder = (name: string): WordEmbedder & AsyncDisposable =>
  Object.assign(new WordEmbedder(name), {
    async [Symbol.asyncDispose]() {
      disposed++;
    },
  });

beforeEach(() => {
  made.clients.length = 0;
  disposed = 0;
});

test("opens both stores with the parameters of each", async () => {
  const clock = (): number => 1;
  const codec = zstdCodec();
  const near = "nearMaxEntries=7&nearMaxBytes=2MiB&nearIndex=scan&nearIndexAbove=9&nearMaxTtl=90s";
  const url = `dual-semantic://:pw@host:7000/1?embedder=words&threshold=0.8&prefix=app&timeout=3s&exactFirst=true&bus=false&${near}`;
  const store = await open(url, { embedder, clock, codec });
  expect(store).toBeInstanceOf(DualSemanticStore);
  expect(made.clients.at(-1)?.at(-1)).toMatchObject({ host: "host", port: 7000, db: 1, password: "pw" });
  expect(made.clients.at(-1)?.at(-1)).not.toHaveProperty("tls");
  expect(made.options.at(-1)).toMatchObject({
    threshold: 0.8,
    prefix: "app",
    timeoutMs: 3000,
    exactFirst: true,
    bus: false,
    near: { maxEntries: 7, maxBytes: 2 * 1024 * 1024, index: "scan", indexAbove: 9, maxTtl: 90 },
    clock,
    codec,
  });
  await store[Symbol.asyncDispose]();
  expect(disposed).toBe(1);
});

test("is found by its scheme; TLS is a parameter", async () => {
  const url = "dual-semantic://host?embedder=words&threshold=0.8&bus=false&tls=true";
  await using store = await openStore(url, { from: import.meta.dirname, embedder });
  expect(store.name).toBe("dual-semantic");
  expect(made.clients.at(-1)?.at(-1)).toMatchObject({ tls: {} });
});

test.each([
  ["dual-semantic://h?threshold=1", "embedder is missing"],
  ["dual-semantic://h?embedder=words&threshold=1&near=5", "near is no parameter"],
  ["dual-semantic://h?embedder=words&threshold=1&nearMaxTtl=0", "near.maxTtl must be above 0"],
  ["dual-semantic://h?embedder=words&threshold=1&nearIndex=fast", "index must be"],
  ["dual-semantic://h?embedder=words&threshold=1&bus=redis", "bus must be true or false"],
  ["dual-semantic://h?embedder=words&threshold=1&rejectUnauthorized=false", "without TLS"],
])("%s is refused", async (url, message) => {
  await expect(open(url, { embedder })).rejects.toSatisfy(
    (error) => isLLMCacheError(error, "ERR_LLMCACHE_OPTION") && error.message.includes(message),
  );
});
