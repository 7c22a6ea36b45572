import { LLMCache } from "@llmcache/core";
import { DiskStore } from "@llmcache/disk";
import OpenAI, { toFile } from "openai";
import { cachedOpenAI } from "../src/index.ts";

/** Asks the same things as any other process of this kind, of a cache in a file; tells what it got, and how. */
const [baseURL, path] = process.argv.slice(2);
const store = new DiskStore({ path: path as string });
const cache = new LLMCache({ store });
const client = cachedOpenAI(new OpenAI({ apiKey: "any", baseURL, maxRetries: 0 }), cache);

const file = await toFile(Buffer.alloc(3000, "sound "), "speech.mp3");
const model = "text-embedding-3-small";
const calls = [
  client.embeddings.create({ model, input: ["a", "b", "a"] }),
  client.embeddings.create({ model, input: ["c", "d"], encoding_format: "float" }),
  client.audio.transcriptions.create({ file, model: "whisper-1" }),
  client.audio.transcriptions.create({ file, model: "whisper-1", response_format: "srt" }),
  client.audio.translations.create({ file, model: "whisper-1" }),
  client.moderations.create({ input: "bad" }),
  client.images.generate({ prompt: "a hat" }),
];
const told: unknown[] = [];
const statuses: (string | null)[] = [];
for (const call of calls) {
  const { data, response } = await call.withResponse();
  told.push(data);
  statuses.push(response.headers.get("cache-status"));
}
const events: unknown[] = [];
for await (const event of await client.audio.transcriptions.create({ file, model: "whisper-1", stream: true }))
  events.push(event);
told.push(events);

process.stdout.write(JSON.stringify({ told, statuses }));
await cache[Symbol.asyncDispose]();
await store[Symbol.asyncDispose]();
