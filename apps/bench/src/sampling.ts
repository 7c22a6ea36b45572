import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Store } from "@llmcache/core";
import { DiskStore } from "@llmcache/disk";
import { functionSampler, persistent, take, type Sampler } from "@llmcache/sampling";
import type { Contender, Suite } from "./harness.ts";

const SAMPLES = 20;
const PROMPTS = 50;
const TEXT = "lorem ipsum ".repeat(80);
const TARGETS = { first: 1.5, all: 22 };

/** Reading stored samples of 1 kB: 20 of a prompt, and the first of 20, beside the only one. */
export async function samplesInDirectory(): Promise<Suite> {
  const folder = await newFolder();
  return suite("a directory of cached_llm", join(folder, "samples"), () => rm(folder, { recursive: true }));
}

/** The same in a store on disk. */
export async function samplesOnDisk(): Promise<Suite> {
  const folder = await newFolder();
  const store = new DiskStore({ path: join(folder, "cache.db") });
  return suite("a DiskStore", store, async () => {
    await store[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });
}

async function suite(where: string, place: Store | string, close: () => Promise<void>): Promise<Suite> {
  const model = functionSampler(
    async (prompt: string, count) => Array.from({ length: count }, (_, index) => `${prompt} ${index} ${TEXT}`),
    { operation: "sample", model: "m", settings: { temperature: 1 } },
  );
  for (let i = 0; i < PROMPTS; i++) {
    await take(persistent(model, place).sample(`one ${i}`), 1);
    await take(persistent(model, place).sample(`many ${i}`), SAMPLES);
  }
  // A new one each time, which remembers nothing: as in the next run of a program.
  const replay = (): Sampler => persistent(model, place, { replication: true });
  const contender = (name: string, prompt: string, count: number): Contender => ({
    name,
    async run(times) {
      for (let i = 0; i < times; i++) await take(replay().sample(`${prompt} ${i % PROMPTS}`), count);
    },
  });
  const [first, all] = [`the first of ${SAMPLES}`, `all ${SAMPLES}`];
  return {
    title: `stored samples of 1 kB in ${where}`,
    contenders: [contender("the only one", "one", 1), contender(first, "many", 1), contender(all, "many", SAMPLES)],
    targets: { [first]: TARGETS.first, [all]: TARGETS.all },
    close,
  };
}

function newFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), "llmcache-bench-"));
}
