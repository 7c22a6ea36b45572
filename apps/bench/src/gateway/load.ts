import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Effort } from "../harness.ts";
import type { Table, Verdict } from "../table.ts";
import { EXCHANGES } from "./exchanges.ts";
import type { Usage } from "./serving.ts";
import { Wrk, type Load } from "./wrk.ts";

/** What one round says of one server. */
interface Round extends Load {
  readonly cpuPerRequest: number;
}

/** Limits as shares of bare node:http: CPU for each request at most, requests per second at least. */
interface Limits {
  readonly cpu?: number;
  readonly perSecond: number;
}

const WITHOUT_WRK = "Not measured: wrk is missing, which makes the load (apt-get install wrk, or brew install wrk).";
/** Each round's share of wrk; of the harness's rounds, which take milliseconds, a few are enough. */
const ROUND_MS = 3000;
const MAX_ROUNDS = 7;
/** The engine has optimised what a request goes through after so long. */
const WARM_UP_MS = 3000;

/** Hits in one piece: bare node:http answering fixed bytes, and the gateway answering the same from its cache. */
export function gatewayHits(effort: Effort): Promise<Table> {
  return measure("whole", { cpu: 3, perSecond: 0.3 }, effort);
}

/** The same for stored streams. */
export function gatewayStreams(effort: Effort): Promise<Table> {
  return measure("streamed", { perSecond: 0.6 }, effort);
}

async function measure(name: keyof typeof EXCHANGES, limits: Limits, { rounds }: Effort): Promise<Table> {
  const isQuick = rounds < MAX_ROUNDS;
  const { title, question } = EXCHANGES[name];
  if (!(await Wrk.isThere())) return { title: `gateway, ${title}`, columns: [], rows: [], notes: [WITHOUT_WRK] };
  await using wrk = await Wrk.open(question);
  const bare = await start("bare-server.ts", name);
  const gateway = await start("gateway-server.ts", name);
  try {
    const results: Round[][] = [[], []];
    for (const server of [bare, gateway]) {
      await ask(server.port, question);
      await wrk.load(server.port, isQuick ? 1000 : WARM_UP_MS);
    }
    for (let round = 0; round < Math.min(rounds, MAX_ROUNDS); round++) {
      for (const [index, server] of [bare, gateway].entries())
        results[index]?.push(await measured(server, () => wrk.load(server.port, isQuick ? 1000 : ROUND_MS)));
    }
    return tableOf(title, limits, results[0] as Round[], results[1] as Round[]);
  } finally {
    bare.child.kill("SIGKILL");
    gateway.child.kill("SIGKILL");
  }
}

interface Server {
  readonly child: ChildProcess;
  readonly port: number;
}

async function start(file: string, name: string): Promise<Server> {
  const child = fork(join(import.meta.dirname, file), [name]);
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`${file} ended with ${code}.`);
  });
  const [{ port }] = (await Promise.race([once(child, "message"), ended])) as [{ readonly port: number }];
  ended.catch(() => undefined);
  return { child, port };
}

/** A miss, and two hits. @throws Error where something else comes back. */
async function ask(port: number, question: string): Promise<void> {
  for (let i = 0; i < 3; i++) {
    const response = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: "Bearer sk-bench" },
      body: question,
    });
    await response.arrayBuffer();
    const status = response.headers.get("cache-status");
    if (response.status !== 200 || (i === 2 && status !== null && !status.startsWith("llmcache; hit")))
      throw new Error(`A server answered ${response.status}, ${status}.`);
  }
}

async function measured({ child }: Server, load: () => Promise<Load>): Promise<Round> {
  const before = await usage(child);
  const result = await load();
  const after = await usage(child);
  if (result.failures > 0) throw new Error(`${result.failures} requests failed.`);
  return { ...result, cpuPerRequest: (after.cpuMicroseconds - before.cpuMicroseconds) / result.requests };
}

async function usage(child: ChildProcess): Promise<Usage> {
  child.send("usage");
  const [told] = (await once(child, "message")) as [Usage];
  return told;
}

function tableOf(title: string, limits: Limits, bare: readonly Round[], gateway: readonly Round[]): Table {
  const ratio = (of: (round: Round) => number): number =>
    median(gateway.map((round, index) => of(round) / of(bare[index] as Round)));
  const cpu = ratio(({ cpuPerRequest }) => cpuPerRequest);
  const perSecond = ratio((round) => round.perSecond);
  const row = (name: string, rounds: readonly Round[], ...ratios: readonly string[]): string[] => [
    name,
    median(rounds.map(({ cpuPerRequest }) => cpuPerRequest)).toFixed(1),
    ratios[0] ?? "",
    Math.round(median(rounds.map((round) => round.perSecond))).toLocaleString("en"),
    ratios[1] ?? "",
    median(rounds.map(({ p50Ms }) => p50Ms)).toFixed(2),
    median(rounds.map(({ p99Ms }) => p99Ms)).toFixed(2),
  ];
  const verdicts: Verdict[] = [
    {
      of: `gateway, ${title}: requests per second`,
      figure: `${perSecond.toFixed(2)}×`,
      target: `≥ ${limits.perSecond.toFixed(2)}×`,
      met: perSecond >= limits.perSecond,
    },
  ];
  if (limits.cpu !== undefined)
    verdicts.unshift({
      of: `gateway, ${title}: CPU for a hit`,
      figure: `${cpu.toFixed(2)}×`,
      target: `≤ ${limits.cpu.toFixed(2)}×`,
      met: cpu <= limits.cpu,
    });
  return {
    title: `gateway, ${title}, 64 connections`,
    columns: ["", "CPU, µs", "×", "requests/s", "×", "p50, ms", "p99, ms"],
    rows: [row("bare node:http", bare), row("hit in the gateway", gateway, cpu.toFixed(2), perSecond.toFixed(2))],
    notes: ["Load by wrk from the same machine; CPU is that of the server's process."],
    verdicts,
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number;
}
