/**
 * Uses a store as a program would, and comes to its end: it must not call `process.exit`. Arguments: the store, `dispose` or
 * `forget`, and where it is, as JSON.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LLMCache, MapStore, type Store } from "@llmcache/core";
import { DiskStore } from "@llmcache/disk";
import { MemoryStore } from "@llmcache/memory";
import { redisStore } from "@llmcache/redis";
import { s3Store, type S3ConnectionOptions } from "@llmcache/s3";

const [name = "", end = "dispose", place = "{}"] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "llmcache-exit-"));
const OPEN: Readonly<Record<string, () => Store>> = {
  map: () => new MapStore(),
  memory: () => new MemoryStore(),
  disk: () => new DiskStore({ path: folder }),
  redis: () => redisStore(JSON.parse(place) as { readonly url: string }),
  s3: () => s3Store(JSON.parse(place) as S3ConnectionOptions),
};
const store = OPEN[name]?.();
if (store === undefined) throw new Error(`There is no store ${JSON.stringify(name)}.`);
const cache = new LLMCache({ store, ttl: "1h" });
cache.on(() => undefined);
const ask = async (): Promise<string> =>
  (await cache.through({ operation: "exit", prompt: name }, async () => "answer")).status;
const statuses = [await ask()];
await cache.settled();
statuses.push(await ask());
if (end === "dispose") {
  await cache[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
}
rmSync(folder, { recursive: true, force: true });
process.stdout.write(statuses.join(" "));
