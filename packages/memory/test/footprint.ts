/**
 * How much memory a store takes beside a plain Map of the same objects. By hand:
 *
 *     node --expose-gc --conditions=@llmcache/source packages/memory/test/footprint.ts
 */
import { sampleEntry, sampleId } from "@llmcache/core/conformance";
import { MemoryStore } from "@llmcache/memory";

const ENTRIES = 10_000;
const ANSWER_CHARACTERS = 4000;
const ROUNDS = 5;

/** A chat completion whose text is its own, parsed as a client would have it. */
function answer(index: number): unknown {
  const content = `${index} `.padEnd(ANSWER_CHARACTERS, `lorem ipsum ${index} dolor sit amet `);
  const text = JSON.stringify({
    id: `chatcmpl-${index}`,
    object: "chat.completion",
    created: 1_700_000_000 + index,
    model: "gpt-sample",
    choices: [
      { index: 0, message: { role: "assistant", content, refusal: null }, logprobs: null, finish_reason: "stop" },
    ],
    usage: { prompt_tokens: 20, completion_tokens: 1000, total_tokens: 1020 },
  });
  return JSON.parse(text);
}

function used(): number {
  for (let i = 0; i < 4; i++) globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

async function ofMap(): Promise<number> {
  const before = used();
  const map = new Map<string, unknown>();
  for (let i = 0; i < ENTRIES; i++) map.set(sampleId(i), answer(i));
  const after = used();
  return map.size === ENTRIES ? after - before : Number.NaN;
}

async function ofStore(storage: "values" | "bytes"): Promise<number> {
  const before = used();
  const store = new MemoryStore({ maxEntries: ENTRIES, maxBytes: 1e9, storage });
  for (let i = 0; i < ENTRIES; i++) {
    const metadata = {
      operation: "chat.completions",
      provider: "https://api.example.test/v1",
      model: "gpt-sample",
      tokens: 1000 + i,
      durationMs: 800 + i,
    };
    await store.set(sampleEntry({ id: sampleId(i), createdAt: 1_700_000_000_000 + i, metadata, value: answer(i) }));
  }
  const after = used();
  return (await store.get({ id: sampleId(ENTRIES - 1) })) ? after - before : Number.NaN;
}

if (globalThis.gc === undefined) throw new Error("Run it with --expose-gc.");
const smallest = { map: Number.POSITIVE_INFINITY, values: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY };
for (let round = 0; round < ROUNDS; round++) {
  smallest.map = Math.min(smallest.map, await ofMap());
  smallest.values = Math.min(smallest.values, await ofStore("values"));
  smallest.bytes = Math.min(smallest.bytes, await ofStore("bytes"));
}
for (const [name, bytes] of Object.entries(smallest)) {
  process.stdout.write(
    `${name}: ${Math.round(bytes / ENTRIES)} bytes an entry, ${(bytes / smallest.map).toFixed(2)}× a Map of objects\n`,
  );
}
