import { execFile } from "node:child_process";
import { loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { FULL, QUICK, type Suite } from "./harness.ts";
import { writeResults } from "./results.ts";
import { runGroups } from "./run-groups.ts";
import { Servers } from "./servers.ts";
import { suiteTable, type Table } from "./table.ts";

/** A suite is measured here, a table is ready. */
type Open = (servers: Servers) => Suite | Table | Promise<Suite | Table>;

const { values } = parseArgs({
  options: {
    quick: { type: "boolean" },
    only: { type: "string" },
    out: { type: "string" },
    // What each group is run as: in a process that somebody started for it.
    child: { type: "boolean" },
  },
});
/** Where the document is kept. */
const HOME = join(import.meta.dirname, "..");
const effort = values.quick === true ? QUICK : FULL;
// Their indexes take minutes.
const SCOPES = effort === QUICK ? [1000] : [1000, 10_000, 100_000];

/** Every table, in groups; `npm run bench -- --only disk` takes one group. What a group does not need is not even loaded. */
const GROUPS: Readonly<Record<string, () => Promise<readonly Open[]>>> = {
  async key() {
    const { keys } = await import("./keys.ts");
    return [() => keys(512), () => keys(512, true), () => keys(4096), () => keys(24_576), () => keys(81_920)];
  },
  async memory() {
    const { memoryStore, mapStore } = await import("./store-tables.ts");
    return [() => memoryStore(effort), () => mapStore(effort)];
  },
  async disk() {
    const { diskStore } = await import("./store-tables.ts");
    return [() => diskStore(effort)];
  },
  async redis() {
    const { redisBatches, redisHits } = await import("./redis-hits.ts");
    const { redisStoreTable } = await import("./store-tables.ts");
    return [
      ...[1, 32, 256].map(
        (each): Open =>
          async (servers) =>
            redisHits((await servers.redis()).url, each),
      ),
      async (servers) => redisBatches((await servers.redis()).url),
      async (servers) => redisStoreTable((await servers.redis()).url, effort),
    ];
  },
  async s3() {
    const { s3Hits } = await import("./s3-hits.ts");
    const { s3StoreTable } = await import("./store-tables.ts");
    return [
      ...[1, 32].map(
        (each): Open =>
          async (servers) =>
            s3Hits(await servers.bucket(), each),
      ),
      async (servers) => s3StoreTable(await servers.bucket(), effort),
    ];
  },
  async keyv() {
    const { keyvStore } = await import("./store-tables.ts");
    return [() => keyvStore(effort)];
  },
  async openai() {
    const { openAIHits, openAIStreamHits } = await import("./openai-hits.ts");
    return [() => openAIHits(effort), () => openAIStreamHits(effort)];
  },
  async frameworks() {
    const { doGenerateHits, generateTextHits, langChainHits } = await import("./frameworks.ts");
    return [generateTextHits, doGenerateHits, langChainHits];
  },
  async clients() {
    const { clientTables } = await import("./clients/tables.ts");
    return clientTables.map(
      (table): Open =>
        () =>
          table(effort),
    );
  },
  async peers() {
    const { peerHits } = await import("./peers/hits.ts");
    const { behaviour, wrongHits } = await import("./peers/behaviour.ts");
    return [async (servers) => peerHits((await servers.redis()).url, effort), () => behaviour(effort), wrongHits];
  },
  async footprint() {
    const { footprint } = await import("./peers/footprint.ts");
    return [1024, 4096].map(
      (bytes): Open =>
        () =>
          footprint(bytes, effort),
    );
  },
  async growth() {
    const { exactGrowth } = await import("./growth.ts");
    return [() => exactGrowth(effort)];
  },
  async gateway() {
    const { gatewayHits, gatewayStreams } = await import("./gateway/load.ts");
    return [() => gatewayHits(effort), () => gatewayStreams(effort)];
  },
  async sampling() {
    const { samplesInDirectory, samplesOnDisk } = await import("./sampling.ts");
    return [samplesOnDisk, samplesInDirectory];
  },
  async "redis-semantic"() {
    const { redisSemanticGrowth, redisSemanticHits, redisSemanticWrites } = await import("./redis-semantic.ts");
    return [
      ...SCOPES.map(
        (entries): Open =>
          async (servers) =>
            redisSemanticHits((await servers.redis()).url, entries),
      ),
      async (servers) => redisSemanticGrowth((await servers.redis()).url, SCOPES),
      ...SCOPES.map(
        (entries): Open =>
          async (servers) =>
            redisSemanticWrites((await servers.redis()).url, entries),
      ),
    ];
  },
  async "semantic-store"() {
    const { semanticGrowth, semanticSearch } = await import("./semantic-store.ts");
    return [...SCOPES.map((entries) => () => semanticSearch(entries)), () => semanticGrowth(SCOPES)];
  },
};

/** Options of Node that a group needs. */
const NODE_OPTIONS: Readonly<Record<string, readonly string[]>> = {
  footprint: ["--expose-gc", "--max-old-space-size=8192"],
  growth: ["--max-old-space-size=8192"],
};

const names = Object.keys(GROUPS).filter((name) => values.only === undefined || name === values.only);
if (names.length === 0) {
  throw new Error(`--only takes one of ${Object.keys(GROUPS).join(", ")}, not ${JSON.stringify(values.only)}.`);
}
if (values.child === true) await measureHere(names);
else await measureApart(names);

/** Tells the process that started this one each table. */
async function measureHere(groups: readonly string[]): Promise<void> {
  // Whoever started this is gone: nobody reads on.
  const quit = (): void => process.exit(1);
  process.once("disconnect", quit);
  await using servers = new Servers();
  const tables = await Promise.all(groups.map(async (name) => (await GROUPS[name]?.()) ?? []));
  for (const open of tables.flat()) {
    const opened = await open(servers);
    if (!("contenders" in opened)) process.send?.(opened);
    else {
      try {
        process.send?.(await suiteTable(opened, effort));
      } finally {
        await opened.close?.();
      }
    }
  }
  // All is told; what the scripts preload would take the end of the channel for the end of whoever started this.
  process.removeAllListeners("disconnect");
  process.disconnect?.();
}

async function measureApart(groups: readonly string[]): Promise<void> {
  console.log(
    `Node ${process.version} on ${process.platform} ${process.arch}; medians of ${effort.rounds} interleaved rounds; × is the time as a share of the first's in the table\n`,
  );
  const [load = 0] = loadavg();
  const quick = effort === QUICK ? ["--quick"] : [];
  const reports = await runGroups(
    import.meta.filename,
    groups.map((name) => ({ name, args: ["--only", name, ...quick], nodeOptions: NODE_OPTIONS[name] ?? [] })),
    effort === QUICK ? 2 : 1,
  );
  const verdicts = reports.flatMap(({ tables }) => tables.flatMap((table) => table.verdicts ?? []));
  console.log(`${verdicts.filter(({ met }) => met).length} of ${verdicts.length} targets met`);
  for (const { of, figure, target, met } of verdicts) if (!met) console.log(`  missed: ${of}: ${figure}, ${target}`);
  // One run with all groups is what the document stands for.
  const isWhole = values.only === undefined && effort === FULL;
  const out = values.out ?? (isWhole ? HOME : undefined);
  if (out !== undefined) await writeResults(out, reports, effort, load);
  if (out === HOME) await promisify(execFile)("oxfmt", [join(HOME, "RESULTS.md")]);
  if (reports.some(({ failure }) => failure !== undefined)) process.exitCode = 1;
}
