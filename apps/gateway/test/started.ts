import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const MAIN = join(import.meta.dirname, "../src/main.ts");

/** A gateway process, and what it has printed. */
export interface Started extends ChildProcess {
  out: string;
  err: string;
}

/** Where and how a gateway is started. */
export interface Start {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** A folder with gateway processes in it; ends all of them with itself. */
export class Stage implements Disposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), "llmcache-gateway-"));
  readonly #children: Started[] = [];

  file(name: string, text: string): string {
    writeFileSync(join(this.folder, name), text);
    return join(this.folder, name);
  }

  start({ args = ["--port", "0"], env = {} }: Start = {}): Started {
    const child = spawn(process.execPath, ["--conditions=@llmcache/source", MAIN, ...args], {
      cwd: this.folder,
      env: { PATH: process.env["PATH"] ?? "", HOME: this.folder, ...env },
    });
    const told: Started = Object.assign(child, { out: "", err: "" });
    child.stdout.on("data", (chunk) => (told.out += String(chunk)));
    child.stderr.on("data", (chunk) => (told.err += String(chunk)));
    this.#children.push(told);
    return told;
  }

  /** Starts one and waits until it listens. @returns its URL too */
  async up(start: Start = {}): Promise<{ readonly child: Started; readonly url: string }> {
    const child = this.start({ ...start, args: [...(start.args ?? []), "--port", "0"] });
    return { child, url: await listening(child) };
  }

  /** Runs one that ends by itself. */
  async ended(start: Start): Promise<{ readonly code: number | null; readonly out: string; readonly err: string }> {
    const child = this.start(start);
    const [code] = (await once(child, "close")) as [number | null];
    return { code, out: child.out, err: child.err };
  }

  [Symbol.dispose](): void {
    for (const child of this.#children) child.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Its URL, as soon as it listens. */
export async function listening(child: Started): Promise<string> {
  await printed(child, "Ctrl-C");
  return /http:\/\/[\w.]+:\d+/.exec(child.out)![0];
}

/** Waits until it has printed this. */
export async function printed(child: Started, text: string): Promise<void> {
  while (!child.out.includes(text) && !child.err.includes(text)) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`It ended before it printed ${text}: ${child.out}${child.err}`);
    await Promise.race([once(child.stdout!, "data"), once(child.stderr!, "data"), once(child, "close")]);
  }
}

/** Stops it as people do. @returns its exit code */
export async function stopped(child: Started, signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
  const exit = once(child, "exit");
  child.kill(signal);
  const [code] = (await exit) as [number | null];
  return code;
}

/** What a client got. */
export interface Answer {
  readonly status: number;
  /** `"hit"`, `"miss"`, or what else `Cache-Status` says. */
  readonly cache: string;
  readonly text: string;
  readonly headers: Headers;
}

/** Asks a chat question. */
export async function ask(
  url: string,
  body: object = {},
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  return post(`${url}/v1/chat/completions`, { ...question(), ...body }, headers);
}

export async function post(url: string, body: object, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  const status = response.headers.get("cache-status") ?? "";
  const cache = /; hit/.test(status) ? "hit" : (/fwd=([\w-]+)/.exec(status)?.[1] ?? status);
  return { status: response.status, cache, text, headers: response.headers };
}

export function question(text = "Say hello."): object {
  return { model: "gpt-4o-mini", messages: [{ role: "user", content: text }] };
}
