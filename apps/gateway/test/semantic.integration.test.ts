import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { startModelServer, type ModelServer } from "@llmcache/testing/model-server";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { startRedis, type RedisServer } from "../../../scripts/servers/redis.mjs";
import { ask, question, Stage, stopped, type Answer, type Start } from "./started.ts";

/** Similar questions by one variable, with the Universal Sentence Encoder lite that is installed in the working folder. */
const ENCODER = join(import.meta.dirname, "../../../packages/redis-semantic/node_modules/@energetic-ai");
const FIRST = "write a one sentence poem about: 41";
const PLEASE = `please ${FIRST}`;
const OTHER = "write a one sentence poem about: 7310";

let redis: RedisServer;
let model: ModelServer;
let stage: Stage;
beforeAll(async () => {
  redis = await startRedis({ password: "hunter22" });
  model = await startModelServer();
});
afterAll(async () => {
  await model.close();
  await redis.stop();
});
beforeEach(() => {
  stage = new Stage();
  mkdirSync(join(stage.folder, "node_modules"));
  symlinkSync(ENCODER, join(stage.folder, "node_modules/@energetic-ai"));
});
afterEach(() => {
  stage[Symbol.dispose]();
  model.reset();
});

let count = 0;
function urlOf(scheme: string, more = ""): string {
  return `${scheme}${redis.url.slice("redis".length)}?prefix=similar-${++count}&embedder=use-lite&threshold=0.8${more}`;
}

function on(store: string, start: Start = {}): Start {
  return { ...start, env: { OPENAI_BASE_URL: model.baseURL, LLMCACHE_STORE: store } };
}

/** Whether it was a hit, and an answer to a similar question. */
function asSeen({ cache, headers }: Answer): readonly [cache: string, isSimilar: boolean] {
  const similarity = headers.get("x-llmcache-similarity");
  return [cache, similarity !== null && Number(similarity) >= 0.8];
}

const mine = { authorization: "Bearer mine" };

test.each([
  ["memory-semantic:", (): string => "memory-semantic:?embedder=use-lite&threshold=0.8"],
  ["redis-semantic:", (): string => urlOf("redis-semantic")],
  ["redis-semantic: behind a memory", (): string => `memory:?maxTtl=60s ${urlOf("redis-semantic")}`],
  ["dual-semantic:", (): string => urlOf("dual-semantic")],
])(
  "%s the same in other words is a hit that says so; another number and another caller are not",
  async (_name, store) => {
    const { child, url } = await stage.up(on(store()));
    const seen = async (text: string, headers = mine): Promise<unknown> =>
      asSeen(await ask(url, question(text), headers));
    const first = await ask(url, question(FIRST), mine);
    expect(asSeen(first)).toEqual(["miss", false]);
    // It is written in the background; until then others join who asked first.
    while ((await ask(url, question(FIRST), mine)).cache !== "hit");
    expect(await seen(FIRST)).toEqual(["hit", false]);
    const similar = await ask(url, question(PLEASE), mine);
    expect(asSeen(similar)).toEqual(["hit", true]);
    expect(similar.text).toBe(first.text);
    expect(await seen(OTHER)).toEqual(["miss", false]);
    expect(await seen(PLEASE, { authorization: "Bearer another" })).toEqual(["miss", false]);
    expect(asSeen(await ask(url, { ...question(PLEASE), temperature: 0.1 }, mine))).toEqual(["miss", false]);
    expect(await seen(`${PLEASE} `, { ...mine, "x-llmcache-similar": "false" } as typeof mine)).toEqual([
      "miss",
      false,
    ]);
    expect(child.out + child.err).not.toContain("hunter22");
    expect(await stopped(child)).toBe(0);
  },
);

test("an endpoint of embeddings is asked with the key of the environment, never with a caller's", async () => {
  const { url } = await stage.up({
    env: {
      OPENAI_BASE_URL: model.baseURL,
      OPENAI_API_KEY: "sk-of-the-gateway",
      // Whatever else was asked is similar enough.
      LLMCACHE_STORE: "memory-semantic:?embedder=text-embedding-3-small&threshold=0&guard=false",
    },
  });
  expect(asSeen(await ask(url, question("one"), mine))[0]).toBe("miss");
  while ((await ask(url, question("one"), mine)).cache !== "hit");
  const other = await ask(url, question("two"), mine);
  expect([other.cache, other.headers.has("x-llmcache-similarity")]).toEqual(["hit", true]);
  const embeddings = model.requests.filter(({ path }) => path.endsWith("/embeddings"));
  expect(embeddings.map(({ headers }) => headers["authorization"])).toEqual([
    "Bearer sk-of-the-gateway",
    "Bearer sk-of-the-gateway",
  ]);
});

test("a request says itself what is compared", async () => {
  const { url } = await stage.up(on("memory-semantic:?embedder=use-lite&threshold=0.8"));
  const within = { ...mine, "x-llmcache-similar": "max-chars=36" };
  expect(asSeen(await ask(url, question(FIRST), mine))).toEqual(["miss", false]);
  while ((await ask(url, question(FIRST), mine)).cache !== "hit");
  expect(asSeen(await ask(url, question(PLEASE), within))).toEqual(["miss", false]);
  expect(asSeen(await ask(url, question(`${FIRST}.`), within))).toEqual(["hit", true]);
});

test("limits in the file say what is compared", async () => {
  stage.file("llmcache.yaml", "similar: { maxChars: 36 }\n");
  const { url } = await stage.up(on("memory-semantic:?embedder=use-lite&threshold=0.8"));
  expect(asSeen(await ask(url, question(FIRST), mine))).toEqual(["miss", false]);
  expect(asSeen(await ask(url, question(PLEASE), mine))).toEqual(["miss", false]);
  while ((await ask(url, question(FIRST), mine)).cache !== "hit");
  expect(asSeen(await ask(url, question(`${FIRST}.`), mine))).toEqual(["hit", true]);
});

test.each([
  ["memory-semantic:?threshold=0.8", "embedder is missing"],
  ["memory-semantic:?embedder=mine&threshold=0.8", "known are text-embedding-ada-002"],
  ["redis-semantic://:hunter22@localhost?embedder=text-embedding-3-small", "threshold is missing"],
  ["memory-semantic:?embedder=local/some&threshold=0.8", "npm install @huggingface/transformers"],
])("%s ends the start with one sentence", async (store, message) => {
  const env = { OPENAI_API_KEY: "sk-not-used", LLMCACHE_STORE: store };
  const { code, err } = await stage.ended({ args: ["--port", "0"], env });
  expect(code).toBe(1);
  expect(err).toContain(message);
  expect(err).not.toMatch(/hunter22|sk-not-used| at /);
});
