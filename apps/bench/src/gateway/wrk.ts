import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

/** What wrk says of one run. */
export interface Load {
  readonly requests: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers with another status than 2xx and 3xx, and connections that failed. */
  readonly failures: number;
}

const run = promisify(execFile);
const CONNECTIONS = 64;

/** wrk, asking one question over 64 connections. */
export class Wrk implements AsyncDisposable {
  readonly #folder: string;
  readonly #script: string;

  private constructor(folder: string, script: string) {
    this.#folder = folder;
    this.#script = script;
  }

  /** Is it installed? */
  static async isThere(): Promise<boolean> {
    try {
      await run("wrk", ["--version"]);
    } catch (error) {
      // It says its version, and fails.
      return (error as NodeJS.ErrnoException).code !== "ENOENT";
    }
    return true;
  }

  static async open(question: string): Promise<Wrk> {
    const folder = await mkdtemp(join(tmpdir(), "llmcache-bench-"));
    const script = join(folder, "ask.lua");
    await writeFile(
      script,
      `wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
wrk.headers["authorization"] = "Bearer sk-bench"
wrk.body = ${JSON.stringify(question)}
`,
    );
    return new Wrk(folder, script);
  }

  async load(port: number, ms: number): Promise<Load> {
    const { stdout } = await run("wrk", [
      "-t1",
      `-c${CONNECTIONS}`,
      `-d${Math.max(1, Math.round(ms / 1000))}s`,
      "--latency",
      "-s",
      this.#script,
      `http://127.0.0.1:${port}/v1/chat/completions`,
    ]);
    return {
      requests: number(stdout, /(\d+) requests in/),
      perSecond: number(stdout, /Requests\/sec:\s+([\d.]+)/),
      p50Ms: milliseconds(stdout, "50%"),
      p99Ms: milliseconds(stdout, "99%"),
      failures:
        number(stdout, /Non-2xx or 3xx responses: (\d+)/, 0) +
        [...(/Socket errors: (.*)/.exec(stdout)?.[1] ?? "").matchAll(/\d+/g)].reduce((sum, [n]) => sum + Number(n), 0),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function number(text: string, pattern: RegExp, otherwise = Number.NaN): number {
  const found = pattern.exec(text)?.[1];
  return found === undefined ? otherwise : Number(found);
}

const UNITS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000 };

function milliseconds(text: string, percentile: string): number {
  const [, value, unit] = new RegExp(`${percentile}\\s+([\\d.]+)(us|ms|s|m)`).exec(text) ?? [];
  return Number(value) * (UNITS[unit ?? ""] ?? Number.NaN);
}
