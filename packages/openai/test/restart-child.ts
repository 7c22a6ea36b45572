import { LLMCache } from "@llmcache/core";
import { DiskStore } from "@llmcache/disk";
import OpenAI from "openai";
import { cachedOpenAI } from "../src/index.ts";

/** Asks the same things as any other process of this kind, of a cache in a file; tells what it got, and how. */
const [baseURL, path] = process.argv.slice(2);
const store = new DiskStore({ path: path as string });
const cache = new LLMCache({ store });
const client = cachedOpenAI(new OpenAI({ apiKey: "any", baseURL, maxRetries: 0 }), cache);

const ask = { model: "gpt-4o-mini", messages: [{ role: "user" as const, content: "hello" }] };
const told: unknown[] = [];

const whole = await client.chat.completions.create(ask).withResponse();
told.push(whole.data);
const { data, response } = await client.chat.completions
  .create({ ...ask, seed: 1, stream: true, stream_options: { include_usage: true } })
  .withResponse();
const chunks: unknown[] = [];
for await (const chunk of data) chunks.push(chunk);
told.push(chunks);
await cache.settled();
// What came as a stream, in one piece.
told.push(await client.chat.completions.create({ ...ask, seed: 1 }));

// The other endpoints: in one piece and as a stream, each made of the other.
const input = { model: "gpt-4o-mini", input: "hello" };
const prompt = { model: "gpt-3.5-turbo-instruct", prompt: "hello" };
const responded = await client.responses.create(input).withResponse();
const completed = await client.completions.create(prompt).withResponse();
await cache.settled();
told.push(responded.data, completed.data);
for (const stream of [
  await client.responses.create({ ...input, stream: true }),
  await client.completions.create({ ...prompt, stream: true, stream_options: { include_usage: true } }),
]) {
  const events: unknown[] = [];
  for await (const event of stream as AsyncIterable<unknown>) events.push(event);
  told.push(events);
}

const statuses = [whole.response, response, responded.response, completed.response].map(({ headers }) =>
  headers.get("cache-status"),
);
process.stdout.write(JSON.stringify({ told, statuses }));
await cache[Symbol.asyncDispose]();
await store[Symbol.asyncDispose]();
