import { spawn, type ChildProcess, type SpawnOptions } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach } from "vitest";

/** A child process and what it said. */
export interface Child {
  readonly process: ChildProcess;
  /** All lines so far. */
  readonly lines: readonly string[];
  /** What it wrote to standard error. */
  readonly errors: () => string;
  /** Fulfilled with the first line from now on, or said already, that begins so; rejected if it ends before. */
  line(begin: string): Promise<string>;
  /** Fulfilled once that many lines were said, or it ended. */
  count(lines: number): Promise<void>;
  /** Lets it go on; see `told`. */
  tell(): void;
  /** Fulfilled with its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
}

const running = new Set<ChildProcess>();
afterEach(() => {
  for (const child of running) child.kill("SIGKILL");
  running.clear();
});

/** The command that runs a script of this folder from source. */
export function commandOf(script: string): string[] {
  return [process.execPath, "--conditions=@llmcache/source", fileURLToPath(new URL(`./${script}.ts`, import.meta.url))];
}

export function start(script: string, args: readonly string[], options: SpawnOptions = {}): Child {
  return startCommand([...commandOf(script), ...args], options);
}

export function startCommand(command: readonly string[], options: SpawnOptions = {}): Child {
  const [file = "", ...args] = command;
  const child = spawn(file, args, { ...options, stdio: ["pipe", "pipe", "pipe"] });
  running.add(child);
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const check of waiting) check();
  };
  let errors = "";
  let isOver = false;
  child.stderr?.on("data", (text: Buffer) => {
    errors += text.toString();
  });
  child.stdin?.on("error", () => undefined);
  const reader = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  reader.on("line", (text) => {
    lines.push(text);
    wake();
  });
  const ended = new Promise<number | string>((resolve) => {
    child.on("error", (error) => resolve(String(error)));
    child.on("close", (code, signal) => resolve(code ?? signal ?? "?"));
  }).then((how) => {
    isOver = true;
    running.delete(child);
    wake();
    return how;
  });
  const until = (isDone: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const check = (): void => {
        if (!isDone()) return;
        waiting.delete(check);
        resolve();
      };
      waiting.add(check);
      check();
    });
  return {
    process: child,
    lines,
    errors: () => errors,
    ended,
    line: async (begin) => {
      const find = (): string | undefined => lines.find((text) => text.startsWith(begin));
      await until(() => find() !== undefined || isOver);
      const found = find();
      if (found === undefined)
        throw new Error(
          `The child ended without a line that begins with "${begin}".\n${lines.slice(-5).join("\n")}\n${errors}`,
        );
      return found;
    },
    count: (wanted) => until(() => lines.length >= wanted || isOver),
    tell: () => child.stdin?.write("go\n"),
  };
}
