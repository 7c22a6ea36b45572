/**
 * How much memory an entry takes beside what the store says. By hand:
 *
 *     node --expose-gc --conditions=@llmcache/source packages/memory-semantic/test/footprint.ts [entries]
 */
import type { Embedder } from "@llmcache/core";
import { sampleEntry, sampleId } from "@llmcache/core/conformance";
import { MemorySemanticStore } from "@llmcache/memory-semantic";
import { seeded } from "./stage.ts";

const ENTRIES = Number(process.argv[2] ?? 10_000);
const DIMENSIONS = 384;
const ANSWER_CHARACTERS = 2000;
const SCOPE = sampleId("scope");

const embedder: Embedder = {
  id: "random",
  dimensions: DIMENSIONS,
  embed: async (texts) =>
    texts.map((text) => {
      const random = seeded(text);
      return Float32Array.from({ length: DIMENSIONS }, random);
    }),
};

async function measure(index: "scan" | "usearch", scopes: number): Promise<void> {
  const before = used(index === "usearch");
  const store = new MemorySemanticStore({
    embedder,
    policy: { decide: () => ({ serve: true }) },
    maxEntries: ENTRIES,
    maxBytes: 8 * 1024 ** 3,
    index,
    indexAbove: 1000,
  });
  for (let at = 0; at < ENTRIES; at++) {
    const text = `What is question number ${at} of this long list of questions about everything?`;
    const value = { content: `${at} `.padEnd(ANSWER_CHARACTERS, `lorem ipsum ${at} dolor sit amet `) };
    // Flat, as a parsed answer is.
    const answer: unknown = JSON.parse(JSON.stringify(value));
    const scope = scopes === 1 ? SCOPE : sampleId(`scope ${at % scopes}`);
    await store.set(sampleEntry({ id: sampleId(at), scope, text, value: answer }));
  }
  const toIndex = index === "usearch" ? ENTRIES : 0;
  while (store.usage().indexed < toIndex) await new Promise((resolve) => void setImmediate(resolve));
  const measured = (used(index === "usearch") - before) / ENTRIES;
  const said = store.usage().bytes / ENTRIES;
  console.log(
    `${index}, ${scopes} scopes: ${Math.round(measured)} bytes an entry, ${Math.round(said)} as the store says, of which ${ANSWER_CHARACTERS} answer and ${DIMENSIONS * 4} vector`,
  );
  await store[Symbol.asyncDispose]();
}

/** Of what Node counts, or of the process: an index lives outside of what Node counts. */
function used(isIndexed: boolean): number {
  for (let i = 0; i < 4; i++) globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  return isIndexed ? rss : heapUsed + external;
}

if (globalThis.gc === undefined) throw new Error("Run it with --expose-gc.");
const [, , , only] = process.argv;
if (only === "scopes") await measure("scan", ENTRIES);
else await measure(only === "usearch" ? "usearch" : "scan", 1);
