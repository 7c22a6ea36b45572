// npm run chaos [-- --short] [--only redis|redis-cluster|s3|disk]
// npm run chaos -- stampede [--short]
import { execFile } from "node:child_process";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { missing, run } from "./apart.ts";
import { rewrite } from "./document.ts";
import { machine } from "./machine.ts";
import { FULL, SHORT } from "./pace.ts";
import { broken } from "./report.ts";
import { SCENARIOS } from "./scenarios.ts";
import { Servers } from "./servers.ts";
import { stampede } from "./stampede.ts";
import { stampedeTable, tableOf, type Row, type StampedeRow } from "./table.ts";

const STAMPEDE = { processes: 4, callers: 64, ttlMs: 2000, durationMs: 60_000 };
const SHORT_STAMPEDE = { ttlMs: 500, durationMs: 4000 };
const LEASE_MS = 10_000;
const DOCUMENT = join(import.meta.dirname, "../../../docs/faults.md");

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { short: { type: "boolean" }, only: { type: "string" } },
});
const pace = values.short === true ? SHORT : FULL;
const [program = "faults"] = positionals;
if (program === "faults") await faults(values.only);
else if (program === "stampede") await stampedes();
else throw new Error(`There is faults, which is the default, and stampede; no ${JSON.stringify(program)}.`);

/** All scenarios, one after the other. Only a whole full run is written down. */
async function faults(only: string | undefined): Promise<void> {
  const rows: Row[] = [];
  await using servers = new Servers();
  for (const scenario of SCENARIOS.filter(({ group }) => only === undefined || group === only)) {
    if (scenario.isLong === true && pace === SHORT) continue;
    const why = missing(scenario.place);
    if (why !== undefined) {
      console.log(`${scenario.name}: left out, ${why}`);
      continue;
    }
    const report = await run(scenario, pace, servers);
    const problems = broken(scenario, report);
    rows.push({ scenario, report, problems });
    console.log(`${scenario.name}: ${problems.length === 0 ? "kept all promises" : problems.join("; ")}`);
  }
  const table = tableOf(rows);
  console.log(`\n${table}`);
  if (rows.some(({ problems }) => problems.length > 0)) process.exitCode = 1;
  if (rows.length < SCENARIOS.length || pace !== FULL) return;
  await writeDown("faults", table);
}

/** Without and with leases. */
async function stampedes(): Promise<void> {
  const rows: StampedeRow[] = [];
  for (const leaseMs of [undefined, LEASE_MS]) {
    const report = await stampede({ ...STAMPEDE, ...(pace === FULL ? {} : SHORT_STAMPEDE), leaseMs });
    rows.push({ leaseMs, report });
    for (const problem of report.problems) console.log(problem);
    if (report.problems.length > 0) process.exitCode = 1;
  }
  const table = stampedeTable(rows);
  console.log(table);
  if (pace === FULL) await writeDown("stampede", table);
}

async function writeDown(name: string, table: string): Promise<void> {
  rewrite(DOCUMENT, name, `Measured with ${await machine()}\n\n${table}`);
  await promisify(execFile)("oxfmt", [DOCUMENT]);
}
