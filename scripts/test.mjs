// npm test [-- --full]: every check of the project. The last line counts the tests, and one for each other check.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "./command.mjs";
import { SetupError, environment, root, setup } from "./setup.mjs";

/** The exit code of a check that does not apply here. */
const SKIPPED = 77;

const full = process.argv.includes("--full");
const color = process.stdout.isTTY ? { FORCE_COLOR: "1" } : { NO_COLOR: "1", FORCE_COLOR: undefined };
const env = { ...environment, ...color, ...(full && { LLMCACHE_TEST_FULL: "1" }) };
const reports = mkdtempSync(join(tmpdir(), "llmcache-tests-"));
process.once("exit", () => rmSync(reports, { recursive: true, force: true }));
const total = { passed: 0, failed: 0, skipped: 0 };
const failures = [];

try {
  await setup();
  await Promise.all([
    inOrder([
      check("build", "build"),
      check("packages", "check:packages"),
      check("installation", "check:install"),
      check("walks", "check:walks"),
      check("changesets", "check:changesets"),
    ]),
    inOrder([
      check("format", "format:check"),
      check("lint", "lint"),
      check("types", "typecheck"),
      check("unused code", "knip"),
      tests("unit tests", "unit"),
    ]),
  ]);
  // Alone: these tests start servers and are timed.
  await tests("integration tests", "integration")();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(error.message);
  total.failed += 1;
}

if (failures.length > 0) console.log(`Failed: ${failures.join(", ")}`);
console.log(inWords(total));
process.exitCode = total.failed > 0 ? 1 : 0;

async function inOrder(steps) {
  for (const step of steps) await step();
}

/** A script of package.json that succeeds or fails as a whole. */
function check(name, script) {
  return async () => {
    const startedAt = Date.now();
    const { code, output } = await pnpmRun(script);
    const count = { passed: 0, failed: 0, skipped: 0 };
    count[code === 0 ? "passed" : code === SKIPPED ? "skipped" : "failed"] = 1;
    report(name, startedAt, count, output);
  };
}

/** A script of package.json that runs vitest. */
function tests(name, script) {
  return async () => {
    const startedAt = Date.now();
    const file = join(reports, `${script}.json`);
    const { code, output } = await pnpmRun(script, [
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${file}`,
    ]);
    report(name, startedAt, countTests(code, file), output);
  };
}

function pnpmRun(script, options = []) {
  return run("pnpm", ["run", script, ...options], { cwd: root, env });
}

function countTests(code, file) {
  const count = { passed: 0, failed: 0, skipped: 0 };
  try {
    const { testResults, ...numbers } = JSON.parse(readFileSync(file, "utf8"));
    count.passed = numbers.numPassedTests;
    count.skipped = numbers.numPendingTests + numbers.numTodoTests;
    // A file that cannot be loaded fails without a failing test.
    const broken = testResults.filter(
      ({ status, assertionResults }) =>
        status === "failed" && !assertionResults.some((result) => result.status === "failed"),
    );
    count.failed = numbers.numFailedTests + broken.length;
  } catch {
    count.failed = 1;
  }
  // Errors outside of any test, or nothing that ran at all.
  if (count.failed === 0 && (code !== 0 || count.passed === 0)) count.failed = 1;
  return count;
}

function report(name, startedAt, count, output) {
  for (const key of Object.keys(total)) total[key] += count[key];
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
  const word = count.failed > 0 ? "FAILED" : count.passed > 0 ? "ok" : "skipped";
  const numbers = count.passed + count.failed + count.skipped > 1 ? `   ${inWords(count)}` : "";
  console.log(`${word.padEnd(8)}${name.padEnd(20)}${seconds.padStart(6)} s${numbers}`);
  if (count.failed === 0) return;
  failures.push(name);
  console.log(`${output.trimEnd()}\n`);
}

function inWords({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}
