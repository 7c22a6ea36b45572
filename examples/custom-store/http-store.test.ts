import { LLMCache } from "@llmcache/core";
import { sampleEntry, sampleId, storeChecks, type StoreCheckContext } from "@llmcache/core/conformance";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { HttpStore } from "./http-store.ts";
import { startKeyValueServer } from "./key-value-server.ts";

let server: Awaited<ReturnType<typeof startKeyValueServer>>;
beforeAll(async () => {
  server = await startKeyValueServer();
});
afterAll(() => server.close());

// The whole contract: each check opens a store that nobody used before.
const make = ({ label }: StoreCheckContext): HttpStore => new HttpStore(`${server.url}/${label}`);
const checks = storeChecks(make, {
  reopen: (_store, context) => make(context),
  sibling: (_store, context) => make(context),
});
for (const check of checks) test.skipIf(check.skip !== undefined)(check.name, check.run);

test("a cache keeps its answers in it, and finds them again after a restart", async () => {
  const ask = async (): Promise<string> => {
    await using cache = new LLMCache({ store: new HttpStore(`${server.url}/answers`), ttl: "1h" });
    const { status, value } = await cache.through({ operation: "example", prompt: "Why?" }, async () => "Because.");
    await cache.settled();
    return `${status}: ${value}`;
  };
  expect([await ask(), await ask()]).toEqual(["miss: Because.", "hit: Because."]);
});

test("what is damaged is a miss, which the next answer replaces", async () => {
  const store = new HttpStore(`${server.url}/damaged`);
  await store.set(sampleEntry());
  const [path, value] =
    [...server.values].find(([name]) => name.startsWith("/damaged/")) ?? expect.fail("nothing is stored");
  server.values.set(path, { ...value, bytes: value.bytes.fill(0x20, 100, 110) });
  expect(await store.get({ id: sampleId("entry") })).toBeUndefined();
  expect(await store.add(sampleEntry())).toBe(true);
});

test("what expires between the look and the write makes no add fail", async () => {
  const store = new HttpStore(`${server.url}/expiring`);
  await store.set(sampleEntry({ deleteAt: Date.now() + 60_000 }));
  // The service answers once more, and drops the value at that moment.
  const [path = "", value] =
    [...server.values].find(([name]) => name.startsWith("/expiring/")) ?? expect.fail("nothing is stored");
  let reads = 0;
  server.values.set(
    path,
    Object.defineProperty({ ...value }, "expiresAt", { get: () => (reads++ === 0 ? Number.POSITIVE_INFINITY : 0) }),
  );
  expect(await store.add(sampleEntry({ createdAt: Date.now() + 60_000 }))).toBe(true);
});

test("a service that fails is an error, which the cache turns into a miss", async () => {
  const elsewhere = vi.spyOn(globalThis, "fetch").mockResolvedValue(new Response("not here", { status: 404 }));
  await expect(new HttpStore(server.url).set(sampleEntry())).rejects.toThrow("404 not here");
  elsewhere.mockRestore();
  const store = new HttpStore("http://127.0.0.1:1");
  await expect(store.get({ id: sampleId("entry") })).rejects.toThrow();
  await using cache = new LLMCache({ store });
  expect(await cache.through({ operation: "example", prompt: "Why?" }, async () => "Because.")).toMatchObject({
    status: "miss",
    value: "Because.",
  });
});
