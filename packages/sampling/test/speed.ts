/**
 * What reading stored samples costs: 20 of a prompt beside 1, and the first of 20 beside the first of 1. By hand:
 *
 *     node --conditions=@llmcache/source packages/sampling/test/speed.ts
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DiskStore } from "@llmcache/disk";
import { functionSampler, persistent, take } from "@llmcache/sampling";

const ROUNDS = 300;
const SAMPLES = 20;
const folder = mkdtempSync(join(tmpdir(), "llmcache-sampling-speed-"));
const store = new DiskStore({ path: join(folder, "store") });
const text = "lorem ipsum ".repeat(80);
const provider = functionSampler(
  async (prompt: string, count: number) => Array.from({ length: count }, (_, index) => `${prompt} ${index} ${text}`),
  { operation: "sample", model: "m", settings: { temperature: 1 } },
);

/** The median of many, in µs: each with another prompt, in turns with the others. */
async function medians(
  kinds: Readonly<Record<string, (round: number) => Promise<unknown>>>,
): Promise<Record<string, number>> {
  const times: Record<string, number[]> = {};
  for (let round = 0; round < ROUNDS; round++)
    for (const [name, run] of Object.entries(kinds)) {
      const begin = performance.now();
      await run(round);
      (times[name] ??= []).push((performance.now() - begin) * 1000);
    }
  return Object.fromEntries(
    Object.entries(times).map(([name, list]) => [name, list.sort((a, b) => a - b)[ROUNDS >> 1] ?? 0]),
  );
}

for (const [name, open] of Object.entries({
  "disk store": () => persistent(provider, store),
  directory: () => persistent(provider, join(folder, "directory")),
})) {
  const pull = (kind: string, count: number) => (round: number) => take(open().sample(`${kind} ${round}`), count);
  for (let round = 0; round < ROUNDS; round++) await Promise.all([pull("one", 1)(round), pull("many", SAMPLES)(round)]);
  const { first, firstOfMany, all } = await medians({
    first: pull("one", 1),
    firstOfMany: pull("many", 1),
    all: pull("many", SAMPLES),
  });
  const [one = 0, begin = 0, twenty = 0] = [first, firstOfMany, all];
  process.stdout.write(
    `${name}: 1 sample ${one.toFixed(0)} µs, the first of ${SAMPLES} ${begin.toFixed(0)} µs (${(begin / one).toFixed(2)}×), ` +
      `all ${SAMPLES} ${twenty.toFixed(0)} µs (${(twenty / one).toFixed(1)}×)\n`,
  );
}
await store[Symbol.asyncDispose]();
rmSync(folder, { recursive: true, force: true });
