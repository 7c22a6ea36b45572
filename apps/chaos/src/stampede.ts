import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { startRedis } from "../../../scripts/servers/redis.mjs";
import { nodeOptions } from "./node-options.ts";

/** How many ask, for how long. */
export interface StampedeOptions {
  readonly processes: number;
  /** In each process. */
  readonly callers: number;
  readonly ttlMs: number;
  readonly durationMs: number;
  /** Of the caches; `undefined`: without leases. */
  readonly leaseMs: number | undefined;
}

export interface ProcessOptions extends StampedeOptions {
  readonly url: string;
}

/** What one process says at its end. */
export interface ProcessReport {
  readonly elapsedMs: number;
  readonly calls: number;
  readonly providerCalls: number;
  readonly faults: readonly string[];
  readonly failures: number;
  readonly inFlight: number;
  readonly looks: readonly { readonly bytes: number; readonly resources: number }[];
  readonly warnings: readonly string[];
}

export interface StampedeReport {
  readonly calls: number;
  readonly providerCalls: number;
  /** As many as the design allows: one for each expiry and process, with leases one for each expiry. */
  readonly allowed: number;
  /** Times the entry can have expired at most, its first absence included. */
  readonly expiries: number;
  /** Bytes that a process's memory grew by at most, from the middle of the time to its end. */
  readonly grownBytes: number;
  /** Promises that were broken. */
  readonly problems: readonly string[];
}

/** What is asked takes at least so long to be answered. */
const PROVIDER_MS = 15;
/** The collector's noise, and buffers that come and go. */
const MOST_GROWTH_BYTES = 2_000_000;
const CHILD = join(import.meta.dirname, "stampede-process.ts");

/** Four processes, memory in front of one Redis, one entry that expires: as long as it lasts and as often as told. */
export async function stampede(options: StampedeOptions): Promise<StampedeReport> {
  await using redis = await startRedis();
  const argument = JSON.stringify({ ...options, url: redis.url } satisfies ProcessOptions);
  const execArgv = [...nodeOptions(), "--expose-gc"];
  const children = Array.from({ length: options.processes }, () => fork(CHILD, [argument], { execArgv }));
  try {
    await Promise.all(children.map(said));
    const reports = Promise.all(children.map(said));
    for (const child of children) child.send("go");
    return summary(options, (await reports) as ProcessReport[]);
  } finally {
    for (const child of children) child.kill("SIGKILL");
  }
}

/** The next thing a process says; rejects if it ends before. */
async function said(child: ChildProcess): Promise<unknown> {
  const ended = new AbortController();
  const exit = once(child, "exit", { signal: ended.signal }).then(([code]) => {
    throw new Error(`A process ended with code ${String(code)} before it was done.`);
  });
  try {
    const [message] = (await Promise.race([once(child, "message", { signal: ended.signal }), exit])) as [unknown];
    return message;
  } finally {
    exit.catch(() => undefined);
    ended.abort();
  }
}

function summary(options: StampedeOptions, reports: readonly ProcessReport[]): StampedeReport {
  const { processes, ttlMs, leaseMs } = options;
  const sum = (of: (report: ProcessReport) => number): number => reports.reduce((total, one) => total + of(one), 0);
  const elapsedMs = Math.max(...reports.map((report) => report.elapsedMs));
  const expiries = Math.floor(elapsedMs / (ttlMs + PROVIDER_MS)) + 1;
  const allowed = leaseMs === undefined ? processes * expiries : expiries;
  const providerCalls = sum((report) => report.providerCalls);
  const grownBytes = Math.max(
    ...reports.map(({ looks }) => looks.at(-1)!.bytes - looks[Math.floor(looks.length / 2)]!.bytes),
  );
  const problems = reports.flatMap(({ faults, inFlight, warnings, looks }) => [
    ...faults,
    ...warnings,
    ...(inFlight === 0 ? [] : [`${inFlight} runs are in flight at the end`]),
    ...(looks.at(-1)!.resources > looks[0]!.resources
      ? [`${looks.at(-1)!.resources} handles, and ${looks[0]!.resources} at the first look`]
      : []),
  ]);
  if (providerCalls > allowed) problems.push(`the provider was asked ${providerCalls} times, ${allowed} are allowed`);
  if (grownBytes > MOST_GROWTH_BYTES) problems.push(`memory grew by ${grownBytes} bytes`);
  return { calls: sum((report) => report.calls), providerCalls, allowed, expiries, grownBytes, problems };
}
