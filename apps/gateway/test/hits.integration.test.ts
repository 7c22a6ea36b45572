import { createHash } from "node:crypto";
import { MapStore, type LLMCacheOptions } from "@llmcache/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ask, question, stage, statusOf, type Stage } from "./gateway-stage.ts";

const FULL = process.env["LLMCACHE_TEST_FULL"] === "1";

let staged: Stage;
let now = 1_800_000_000_000;
const options: LLMCacheOptions = { clock: () => now, ttl: 60 };

beforeEach(async () => {
  staged = await stage({}, options);
});
afterEach(() => staged[Symbol.asyncDispose]());

/** Asked so often that the next hit takes the short way. */
async function known(headers: Record<string, string> = {}, body: object | string = question): Promise<void> {
  for (let i = 0; i < 3; i++) await statusOf(staged, ask(staged, body, headers));
}

describe("a request that comes again and again", () => {
  test("gets the same bytes and headers on the short way as on the long one", async () => {
    for (const body of [question, { ...question, stream: true }, { ...question, model: "other", stream: true }]) {
      const answers: [string, object][] = [];
      for (let i = 0; i < 4; i++) {
        const answer = await ask(staged, body);
        const { date: _, connection: __, ...headers } = Object.fromEntries(answer.headers);
        answers.push([await answer.text(), headers]);
        await staged.cache.settled();
      }
      const [, long, short, shorter] = answers;
      expect(short![0]).toBe(long![0]);
      expect(shorter).toEqual(short);
      const plain = (headers: object): object => ({
        ...headers,
        "content-length": undefined,
        "transfer-encoding": undefined,
      });
      expect(plain(short![1])).toEqual(plain(long![1]));
      expect(short![1]).toMatchObject({ age: "0", "cache-status": "llmcache; hit; ttl=60" });
    }
  });

  test("is judged each time: by age, by what was invalidated, deleted, or changed in the options", async () => {
    const tags = { "x-llmcache-tags": "t" };
    await known(tags);
    now += 59_000;
    expect(await statusOf(staged, ask(staged, question, tags))).toBe("llmcache; hit; ttl=1");
    now += 1000;
    expect(await statusOf(staged, ask(staged, question, tags))).toMatch(/fwd=miss/);
    const changes: readonly (() => unknown)[] = [
      () => staged.cache.invalidate({ tags: ["t"] }),
      () => staged.cache.clear(),
      () => staged.cache.update({ version: "2" }),
      () => staged.cache.update({ namespace: "n" }),
      () => staged.cache.update({ store: new MapStore() }),
      () => staged.cache.update({ secret: "a secret of some length" }),
    ];
    for (const change of changes) {
      await known(tags);
      expect(await statusOf(staged, ask(staged, question, tags))).toMatch(/hit/);
      await change();
      expect(await statusOf(staged, ask(staged, question, tags)), String(change)).toMatch(/fwd=miss/);
    }
    await known(tags);
    staged.cache.disable();
    expect(await statusOf(staged, ask(staged, question, tags))).toMatch(/fwd=bypass/);
    staged.cache.enable();
    expect(await statusOf(staged, ask(staged, question, tags))).toMatch(/hit/);
    staged.cache.update({ operations: ["embeddings"] });
    expect(await statusOf(staged, ask(staged, question, tags))).toMatch(/fwd=bypass/);
  });

  test("is counted as a hit each time", async () => {
    const events: string[] = [];
    staged.cache.on(({ type }) => events.push(type));
    await known();
    await statusOf(staged, ask(staged));
    expect(staged.cache.stats()).toMatchObject({ hits: 3, misses: 1 });
    expect(events.filter((type) => type === "hit")).toHaveLength(3);
    expect(staged.records.map(({ cache, operation, upstream }) => [cache, operation, upstream])).toEqual([
      ["miss", "chat.completions", "openai"],
      ...Array.from({ length: 3 }, () => ["hit", "chat.completions", "openai"]),
    ]);
    expect(staged.records.every(({ bytesIn, bytesOut }) => bytesIn > 50 && bytesOut > 100)).toBe(true);
  });

  test("is not asked for twice where nothing is stored any more", async () => {
    await known();
    await staged.cache.clear();
    const before = staged.model.count();
    const answers = await Promise.all(Array.from({ length: 20 }, () => statusOf(staged, ask(staged))));
    expect(answers.filter((status) => status?.includes("stored"))).toHaveLength(1);
    expect(staged.model.count()).toBe(before + 1);
  });
});

/** Requests that differ in one thing or another from each other. */
const VARIANTS: Readonly<Record<string, readonly (string | undefined)[]>> = {
  "openai-beta": [undefined, "a", "b"],
  authorization: [undefined, "Bearer a", "Bearer b"],
  "api-key": [undefined, "a"],
  "x-llmcache-namespace": [undefined, "n", "m", "n,m"],
  "x-llmcache-version": [undefined, "1", "2"],
  "x-llmcache-tags": [undefined, "t", "t,u"],
  "x-llmcache-similar": [undefined, "false", "true"],
  "cache-control": [undefined, "max-age=1000", "no-store", "no-cache"],
  "content-type": ["application/json", "text/plain"],
  "user-agent": ["a", "b"],
  digest: [undefined, undefined, undefined, "x"],
};
const PATHS = ["/v1/chat/completions", "/v1/chat/completions?a=1", "/v1/chat/completions?a=2", "/v1/completions"];
const MODELS = ["m", "n"];
const PROMPTS = ["a", "b"];
const EXTRA: readonly object[] = [
  {},
  { temperature: 0 },
  { stream: true },
  { user: "u" },
  { cache: { namespace: "n" } },
  { seed: 5 },
];

test("requests that differ are told apart, and equal ones have one key, on the short way and on the long", async () => {
  let seed = 7;
  const pick = <T>(list: readonly T[]): T => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return list[Math.floor((seed / 2_147_483_648) * list.length)] as T;
  };
  /** One whose cache and memo know nothing, over the same upstream: its answers are those of the long way. */
  const upstreams = [{ name: "openai", api: "openai", baseURL: staged.model.baseURL }] as const;
  const keys = new Map<string, string | null>();
  const requests = Array.from({ length: FULL ? 300 : 40 }, () => {
    // Most are alike in most things: so they are near each other.
    const headers: Record<string, string> = {};
    for (const [name, values] of Object.entries(VARIANTS)) {
      const value = pick([0, 0, 0, 1]) === 1 ? pick(values) : values[0];
      if (value !== undefined) headers[name] = value;
    }
    const text = pick(PROMPTS);
    const path = pick([0, 0, 1]) === 1 ? pick(PATHS) : (PATHS[0] as string);
    const asked = path === "/v1/completions" ? { prompt: text } : { messages: [{ role: "user", content: text }] };
    const body = JSON.stringify({ model: pick(MODELS), ...asked, ...pick(EXTRA) });
    // Two integers that are one double.
    return { path, headers, body: body.replace('"seed":5', `"seed":900719925474099${pick([2, 3])}`) };
  });
  const nameOf = (request: object): string => createHash("sha256").update(JSON.stringify(request)).digest("hex");
  for (const { path, headers, body } of requests) {
    await using cold = await stage({ upstreams });
    const answer = await ask(cold, body, headers, path);
    await answer.arrayBuffer();
    keys.set(nameOf({ path, headers, body }), answer.headers.get("x-llmcache-key"));
  }
  let short = 0;
  for (let round = 0; round < (FULL ? 6000 : 600); round++) {
    const request = pick(requests);
    const answer = await ask(staged, request.body, request.headers, request.path);
    await answer.arrayBuffer();
    expect(answer.headers.get("x-llmcache-key"), JSON.stringify(request)).toBe(keys.get(nameOf(request)));
    if (answer.headers.get("cache-status")?.startsWith("llmcache; hit") === true) short++;
  }
  expect(short).toBeGreaterThan(200);
  expect(new Set(keys.values()).size).toBeGreaterThan(10);
});
