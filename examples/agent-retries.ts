/**
 * An agent that retries, on the official `openai` client: attempts differ from each other, steps within an attempt agree, and the second
 * run makes no request and leaves the same trace, bad answers included.
 *
 *     node --conditions=@llmcache/source examples/agent-retries.ts [cache folder]
 *
 * With OPENAI_API_KEY (and OPENAI_BASE_URL) it asks a real model, otherwise one on this machine that answers badly at first.
 */
import { LLMCache } from "@llmcache/core";
import { DiskStore } from "@llmcache/disk";
import { cachedOpenAI } from "@llmcache/openai";
import { independent, repeatable } from "@llmcache/sampling";
import { startModelServer } from "@llmcache/testing/model-server";
import OpenAI from "openai";

const ATTEMPTS = 4;
const folder = process.argv[2] ?? ".cache";
const real = process.env["OPENAI_API_KEY"] !== undefined;
const demo = real ? undefined : await startModelServer();
demo?.enqueue(
  { content: '{"primes": [2, 3,' },
  { content: '{"primes": [2, 3, 4]}' },
  { content: '{"primes": [2, 3, 5]}' },
);
const client = new OpenAI(demo === undefined ? {} : { apiKey: "none needed", baseURL: demo.baseURL });

const store = new DiskStore({ path: folder });
const cache = new LLMCache({ store });
// Whoever is given a view of it takes the next answer that nobody of this run has had.
const attempts = independent(cache);

for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
  // Within an attempt, the same question has the same answer.
  const openai = cachedOpenAI(client, repeatable(attempts), demo === undefined ? {} : { provider: "demo" });
  try {
    const primes = await propose(openai);
    await check(openai);
    console.log(`attempt ${attempt}: ${primes.join(", ")}`);
    break;
  } catch (error) {
    console.log(`attempt ${attempt} failed: ${error instanceof Error ? error.message : String(error)}`);
  }
}
if (demo !== undefined) console.log(`requests to the model: ${demo.count()}`);
await cache[Symbol.asyncDispose]();
await store[Symbol.asyncDispose]();
await demo?.close();

async function propose(openai: OpenAI): Promise<readonly number[]> {
  const answer = await openai.chat.completions.create({
    model: "gpt-4o-mini",
    response_format: { type: "json_object" },
    messages: [{ role: "user", content: 'Three primes, as {"primes": [...]}.' }],
  });
  const text = answer.choices[0]?.message.content ?? "";
  try {
    return (JSON.parse(text) as { primes: number[] }).primes;
  } catch {
    throw new Error(`${text} is no JSON`);
  }
}

/** A later step, which asks for the proposal once more instead of having it handed on. */
async function check(openai: OpenAI): Promise<void> {
  const wrong = (await propose(openai)).find((n) => n < 2 || [2, 3, 5, 7].some((d) => d < n && n % d === 0));
  if (wrong !== undefined) throw new Error(`${wrong} is no prime`);
}
