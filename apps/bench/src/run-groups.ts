import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { plainText } from "./print.ts";
import type { Table } from "./table.ts";

/** What became of a group. */
export interface GroupReport {
  readonly name: string;
  /** Those that were finished. */
  readonly tables: readonly Table[];
  /** Why it did not come to its end. */
  readonly failure: string | undefined;
  readonly seconds: number;
}

/** How a group is started: with which options of the command line and of Node. */
export interface GroupStart {
  readonly name: string;
  readonly args: readonly string[];
  readonly nodeOptions: readonly string[];
}

/** A group that says nothing for so long hangs. */
const SILENCE_MS = 900_000;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const STDERR_CHARACTERS = 2000;

/**
 * Runs each group in a process of its own, `atOnce` of them at a time (one, if figures are to mean anything), and prints its tables as they come: no heap has to do with another, and a
 * group that fails takes nothing along. What they leave in their temporary folder is removed.
 */
export async function runGroups(main: string, starts: readonly GroupStart[], atOnce = 1): Promise<GroupReport[]> {
  const folder = mkdtempSync(join(tmpdir(), "llmcache-bench-"));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  process.once("exit", remove);
  for (const signal of SIGNALS) process.once(signal, quit);
  const reports: GroupReport[] = [];
  const waiting = [...starts.entries()];
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [at, start] = next;
      const report = await runGroup(main, start, folder);
      reports[at] = report;
      console.log(`Group ${start.name}: ${report.seconds.toFixed(0)} s\n`);
      if (report.failure !== undefined) console.error(`Group ${start.name} failed: ${report.failure}\n`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  remove();
  process.off("exit", remove);
  for (const signal of SIGNALS) process.off(signal, quit);
  return reports;
}

/** By way of "exit", where processes and folders are cleared away. */
function quit(): never {
  process.exit(1);
}

function runGroup(main: string, { name, args, nodeOptions }: GroupStart, folder: string): Promise<GroupReport> {
  const startedAt = Date.now();
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [...process.execArgv, ...nodeOptions, main, "--child", ...args], {
      env: { ...process.env, TMPDIR: folder },
      stdio: ["ignore", "inherit", "pipe", "ipc"],
    });
    const stop = (): void => void child.kill("SIGKILL");
    process.once("exit", stop);
    const tables: Table[] = [];
    let errors = "";
    let silence = setTimeout(hangs, SILENCE_MS);
    function hangs(): void {
      errors += `Nothing was heard of it for ${SILENCE_MS / 1000} s.`;
      child.kill("SIGKILL");
    }
    child.on("message", (table: Table) => {
      tables.push(table);
      console.log(plainText(table));
      clearTimeout(silence);
      silence = setTimeout(hangs, SILENCE_MS);
    });
    child.stderr!.on("data", (chunk: Buffer) => {
      errors = (errors + chunk.toString()).slice(-STDERR_CHARACTERS);
    });
    const settle = (failure: string | undefined): void => {
      clearTimeout(silence);
      process.off("exit", stop);
      resolve({ name, tables, failure, seconds: (Date.now() - startedAt) / 1000 });
    };
    child.on("error", (error) => settle(error.message));
    child.on("close", (code, signal) =>
      settle(code === 0 ? undefined : errors.trim() || `ended with ${code ?? signal}`),
    );
  });
}
