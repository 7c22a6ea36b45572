import { expect, test } from "vitest";
import { stampede } from "../src/stampede.ts";
import { serversProblem } from "./servers-problem.ts";

const FULL = process.env["LLMCACHE_TEST_FULL"] === "1";
const DURATION_MS = FULL ? 60_000 : 2000;
const TTL_MS = FULL ? 2000 : 500;
const problem = await serversProblem("redis");

test.skipIf(problem !== undefined).each([
  ["without leases once by each process for each expiry", undefined],
  ["with leases once for each expiry", 5000],
])(
  "four processes, memory before one Redis: the provider is asked %s, and nothing grows",
  { timeout: 120_000 },
  async (_, leaseMs) => {
    const report = await stampede({ processes: 4, callers: 64, ttlMs: TTL_MS, durationMs: DURATION_MS, leaseMs });
    expect(report.problems, JSON.stringify(report)).toEqual([]);
    expect(report.providerCalls).toBeGreaterThanOrEqual(report.expiries / 2);
  },
);
