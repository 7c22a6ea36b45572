import { LLMCache, MapStore } from "@llmcache/core";
import { FaultyStore } from "@llmcache/core/conformance";
import { startModelServer, type ReplyScript } from "@llmcache/testing/model-server";
import OpenAI from "openai";
import { afterEach, expect, test } from "vitest";
import { cachedOpenAI, type CachedOpenAI } from "../src/index.ts";

const full = process.env["LLMCACHE_TEST_FULL"] === "1";
const SEEDS = full ? 200 : 4;
const CALLS = 150;

const unhandled: unknown[] = [];
const note = (error: unknown): void => void unhandled.push(error);
afterEach(() => void process.off("unhandledRejection", note));

/** Numbers below 1, the same for the same seed. */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

function lastText(body: unknown): string {
  return (body as { messages: { content: string }[] }).messages.at(-1)?.content ?? "";
}

/** What the provider does: mostly answers, sometimes fails in one of its ways. */
function behaviour(roll: number, question: string): ReplyScript {
  const content = `re: ${question}`;
  if (roll < 0.04) return { error: { status: 429, headers: { "retry-after-ms": "1" } } };
  if (roll < 0.08) return { error: { status: 500, headers: { "retry-after-ms": "1" } } };
  if (roll < 0.12) return { content, drop: "before-headers" };
  if (roll < 0.16) return { content, drop: 60 };
  if (roll < 0.2) return { content, stream: { dropAfter: 2 } };
  if (roll < 0.24) return { content, stream: { errorAfter: 2 } };
  if (roll < 0.28) return { content, stream: { done: false } };
  if (roll < 0.5) return { content, stream: { split: "lines", newline: "\r\n", comments: true } };
  return { content };
}

async function oneCall(
  client: CachedOpenAI<OpenAI>,
  roll: () => number,
): Promise<{ question: string; content: string } | "failed" | "left"> {
  const question = `question ${Math.floor(roll() * 6)}`;
  const ask = { model: "m", messages: [{ role: "user" as const, content: question }] };
  const controller = new AbortController();
  const how = roll();
  const cache =
    how < 0.1
      ? { noCache: true }
      : how < 0.2
        ? { noStore: true }
        : how < 0.25
          ? false
          : how < 0.3
            ? { ttl: 0 }
            : undefined;
  const options = { signal: controller.signal, ...(cache === undefined ? {} : { cache }) };
  const leaves = roll() < 0.15;
  try {
    if (roll() < 0.5) {
      const call = client.chat.completions.create(ask, options);
      if (leaves) setImmediate(() => controller.abort());
      return { question, content: (await call).choices[0]?.message.content ?? "" };
    }
    const usage = roll() < 0.5;
    const stream = await client.chat.completions.create(
      { ...ask, stream: true, ...(usage ? { stream_options: { include_usage: true } } : {}) },
      options,
    );
    let content = "";
    let told = false;
    for await (const chunk of stream) {
      content += chunk.choices[0]?.delta.content ?? "";
      told ||= Boolean(chunk.usage);
      if (leaves && content !== "") return "left";
    }
    if (told !== usage) throw new Error(`The usage was ${usage ? "missing" : "not asked for"}.`);
    return { question, content };
  } catch (error) {
    if (error instanceof OpenAI.APIError || (error as Error).message === "terminated") return "failed";
    throw error;
  }
}

test("whatever fails, is left or comes together, nobody gets a wrong answer and nothing is left running", async () => {
  process.on("unhandledRejection", note);
  for (let seed = 1; seed <= SEEDS; seed++) {
    const roll = dice(seed);
    await using server = await startModelServer({ reply: (request) => behaviour(roll(), lastText(request.json())) });
    const store = new FaultyStore(new MapStore());
    const cache = new LLMCache({ store });
    const client = cachedOpenAI(
      new OpenAI({ apiKey: "k", baseURL: server.baseURL, maxRetries: 0, logLevel: "off" }),
      cache,
    );
    const calls: Promise<Awaited<ReturnType<typeof oneCall>>>[] = [];
    for (let i = 0; i < CALLS; i++) {
      if (i === 50) store.fail("get");
      if (i === 60) store.corrupt();
      if (i === 70) store.heal();
      calls.push(oneCall(client, roll));
      if (roll() < 0.3) await calls[Math.floor(roll() * calls.length)];
    }
    const results = await Promise.all(calls);
    const answers = results.filter((result) => typeof result === "object");
    for (const { question, content } of answers) expect(content).toBe(`re: ${question}`);
    expect(answers.length).toBeGreaterThan(CALLS / 3);
    await cache.settled();
    expect(cache.inFlight).toBe(0);
    // And everything that was stored is right.
    server.reply({ error: { status: 500 } });
    for (let number = 0; number < 6; number++) {
      const ask = { model: "m", messages: [{ role: "user" as const, content: `question ${number}` }] };
      const kept = await client.chat.completions.create(ask, { cache: { onlyIfCached: true } }).catch(() => undefined);
      if (kept !== undefined) expect(kept.choices[0]?.message.content).toBe(`re: question ${number}`);
    }
    expect(cache.stats().hits).toBeGreaterThan(0);
  }
  expect(unhandled).toEqual([]);
});
