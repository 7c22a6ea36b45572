import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { LLMCache } from "@llmcache/core";
import { startModelServer, type ModelServer } from "@llmcache/testing/model-server";
import { generateText, stepCountIs, streamText, tool, wrapLanguageModel } from "ai";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { cacheMiddleware } from "../src/index.ts";

const run = promisify(execFile);
let server: ModelServer;
let folder: string;
beforeEach(async () => {
  server = await startModelServer();
  folder = await mkdtemp(join(tmpdir(), "llmcache-ai-sdk-"));
});
afterEach(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

test("a second process answers from disk what the first one asked, in both forms", async () => {
  const child = join(import.meta.dirname, "restart-child.ts");
  const ask = async () => {
    const args = ["--conditions=@llmcache/source", child, server.baseURL, folder];
    return JSON.parse((await run(process.execPath, args)).stdout) as { told: unknown[]; statuses: string[] };
  };
  const first = await ask();
  expect(first.statuses).toEqual(["miss", "hit", "miss", "hit"]);
  expect(server.count()).toBe(3);
  const second = await ask();
  expect(second.told).toEqual(first.told);
  expect(second.statuses).toEqual(["hit", "hit", "hit", "hit"]);
  expect(server.count()).toBe(3);
});

function cachedModel(cache: LLMCache) {
  const provider = createOpenAICompatible({ name: "server", apiKey: "any", baseURL: server.baseURL });
  return wrapLanguageModel({ model: provider.languageModel("gpt-4o-mini"), middleware: cacheMiddleware(cache) });
}

test("a loop of steps through a real provider, in one piece and then as a stream, asks once", async () => {
  const cache = new LLMCache();
  const model = cachedModel(cache);
  const weather = tool({
    inputSchema: z.object({ city: z.string() }),
    execute: async ({ city }) => `20 degrees in ${city}`,
  });
  server.enqueue({ toolCalls: [{ name: "weather", arguments: '{"city":"Rome"}' }] });
  const common = { model, tools: { weather }, prompt: "Weather in Rome?", stopWhen: stepCountIs(3) };
  const { text, steps } = await generateText(common);
  await cache.settled();
  expect(steps).toHaveLength(2);
  expect(server.count()).toBe(2);
  const streamed = streamText(common);
  expect(await streamed.text).toBe(text);
  expect(await streamed.steps).toHaveLength(2);
  expect(server.count()).toBe(2);
});

test("two servers under one provider name do not answer for each other", async () => {
  const cache = new LLMCache();
  await using other = await startModelServer();
  const at = (baseURL: string) =>
    wrapLanguageModel({
      model: createOpenAICompatible({ name: "server", baseURL }).languageModel("gpt-4o-mini"),
      middleware: cacheMiddleware(cache),
    });
  await generateText({ model: at(server.baseURL), prompt: "a" });
  await cache.settled();
  await generateText({ model: at(other.baseURL), prompt: "a" });
  expect([server.count(), other.count()]).toEqual([1, 1]);
});

test("a stream that breaks off is not stored, nor is a refused call; the AI SDK's retry stores", async () => {
  const cache = new LLMCache();
  const model = cachedModel(cache);
  server.enqueue({ stream: { dropAfter: 2 } });
  const broken = streamText({ model, prompt: "x", onError: () => undefined });
  await broken.consumeStream();
  await cache.settled();
  server.enqueue({ error: { status: 429, headers: { "retry-after-ms": "1" } } });
  const { text } = await generateText({ model, prompt: "x" });
  await cache.settled();
  expect(server.count()).toBe(3);
  expect(await streamText({ model, prompt: "x" }).text).toBe(text);
  expect(server.count()).toBe(3);
});
