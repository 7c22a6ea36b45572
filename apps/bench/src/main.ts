import { parseArgs } from "node:util";
import { startCeph, type CephServer } from "../../../scripts/servers/ceph.mjs";
import { startRedis, type RedisServer } from "../../../scripts/servers/redis.mjs";
import { doGenerateHits, generateTextHits, langChainHits } from "./frameworks.ts";
import { FULL, measure, QUICK, type Result, type Suite } from "./harness.ts";
import { keys } from "./keys.ts";
import { openAIHits, openAIStreamHits } from "./openai-hits.ts";
import { redisBatches, redisHits } from "./redis-hits.ts";
import { redisSemanticHits, redisSemanticWrites } from "./redis-semantic.ts";
import { newBucket, s3Hits, type BenchBucket } from "./s3-hits.ts";
import { samplesInDirectory, samplesOnDisk } from "./sampling.ts";
import { semanticSearch } from "./semantic-store.ts";
import { diskHits, memoryHits } from "./store-hits.ts";

/** Real servers, each started when the first suite needs it. */
class Servers implements AsyncDisposable {
  #redis: Promise<RedisServer> | undefined;
  #ceph: Promise<CephServer> | undefined;
  #bucket: Promise<BenchBucket> | undefined;

  redis(): Promise<RedisServer> {
    return (this.#redis ??= startRedis());
  }

  /** A bucket of an S3 server. */
  bucket(): Promise<BenchBucket> {
    this.#ceph ??= startCeph();
    return (this.#bucket ??= this.#ceph.then(newBucket));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of [this.#redis, this.#ceph]) await (await server)?.[Symbol.asyncDispose]();
  }
}

type Open = (servers: Servers) => Suite | Promise<Suite>;

const redis =
  (concurrency: number): Open =>
  async (servers) =>
    redisHits((await servers.redis()).url, concurrency);
const s3 =
  (concurrency: number): Open =>
  async (servers) =>
    s3Hits(await servers.bucket(), concurrency);

const { values } = parseArgs({ options: { quick: { type: "boolean" }, only: { type: "string" } } });
const effort = values.quick === true ? QUICK : FULL;
// Their indexes take minutes.
const LARGE_SCOPES = effort === QUICK ? [] : [10_000, 100_000];

/** Every suite, in groups; `npm run bench -- --only disk` takes one group. */
const GROUPS: Readonly<Record<string, readonly Open[]>> = {
  key: [() => keys(512), () => keys(512, true), () => keys(4096), () => keys(24_576), () => keys(81_920)],
  memory: [memoryHits],
  disk: [diskHits],
  redis: [redis(1), redis(32), redis(256), async (servers) => redisBatches((await servers.redis()).url)],
  s3: [s3(1), s3(32)],
  openai: [openAIHits, openAIStreamHits],
  frameworks: [generateTextHits, doGenerateHits, langChainHits],
  sampling: [samplesOnDisk, samplesInDirectory],
  "redis-semantic": [1000, ...LARGE_SCOPES].flatMap((entries): Open[] => [
    async (servers) => redisSemanticHits((await servers.redis()).url, entries),
    async (servers) => redisSemanticWrites((await servers.redis()).url, entries),
  ]),
  "semantic-store": [1000, ...LARGE_SCOPES].map((entries) => () => semanticSearch(entries)),
};

const groups = Object.entries(GROUPS).filter(([name]) => values.only === undefined || name === values.only);
if (groups.length === 0) {
  throw new Error(`--only takes one of ${Object.keys(GROUPS).join(", ")}, not ${JSON.stringify(values.only)}.`);
}

console.log(
  `Node ${process.version} on ${process.platform} ${process.arch}; medians of ${effort.rounds} interleaved rounds; ratios to the first line of each table\n`,
);
await using servers = new Servers();
for (const open of groups.flatMap(([, suites]) => suites)) {
  const suite = await open(servers);
  try {
    print(suite.title, await measure(suite, effort));
  } finally {
    await suite.close?.();
  }
}

function print(title: string, results: readonly Result[]): void {
  console.log(title);
  const width = Math.max(...results.map(({ name }) => name.length));
  for (const { name, microseconds, ratio, target } of results) {
    const aim = target === undefined ? "" : `   target ${target.toFixed(2)}× ${ratio <= target ? "met" : "MISSED"}`;
    console.log(
      `  ${name.padEnd(width)} ${microseconds.toFixed(2).padStart(9)} µs ${ratio.toFixed(2).padStart(6)}×${aim}`,
    );
  }
  console.log("");
}
