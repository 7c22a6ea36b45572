import { afterAll, expect, test } from "vitest";
import { missing, run } from "../src/apart.ts";
import { FULL, SHORT } from "../src/pace.ts";
import { broken } from "../src/report.ts";
import { SCENARIOS } from "../src/scenarios.ts";
import { Servers } from "../src/servers.ts";
import { serversProblem } from "./servers-problem.ts";

const pace = process.env["LLMCACHE_TEST_FULL"] === "1" ? FULL : SHORT;
const TIMEOUT_MS = 120_000;

/** A test for each scenario of a group: every promise is kept. */
export async function registerFaults(group: string): Promise<void> {
  const problem = await serversProblem(group);
  const servers = new Servers();
  afterAll(() => servers[Symbol.asyncDispose]());
  for (const scenario of SCENARIOS.filter((one) => one.group === group)) {
    if (scenario.isLong === true && pace === SHORT) continue;
    const why = problem ?? missing(scenario.place);
    test.skipIf(why !== undefined)(
      `${scenario.name}${why === undefined ? "" : ` (${why})`}`,
      { timeout: TIMEOUT_MS },
      async () => {
        const report = await run(scenario, pace, servers);
        expect(broken(scenario, report), JSON.stringify(report)).toEqual([]);
      },
    );
  }
}
