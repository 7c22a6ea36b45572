// A server that is a child of this process: it never outlives it, however this process ends.
import { spawn } from "node:child_process";

/** Enough of what a server printed to say why it does not run. */
const LOG_CHARACTERS = 20_000;

// File 3 is a pipe that breaks when this process ends, even by SIGKILL: then the watcher kills the server, which has taken the
// shell's pid by exec, and removes its folder (again, if others of several servers in one were still writing). A line on the pipe says
// that the server is gone already.
const SCRIPT = `watched=$$
( read -r line <&3 || { kill -9 "$watched"; rm -rf "$0" || { sleep 1; rm -rf "$0"; }; } ) >/dev/null 2>&1 &
exec "$@" 3<&-`;

/** Starts `program` with `args`; `folder` is its own and goes with it when this process is killed. */
export function startChild(program, args, folder) {
  return new Child(program, args, folder);
}

class Child {
  #process;
  #exited;
  #log = "";
  #watchers = new Set();

  constructor(program, args, folder) {
    const line = [program.command, ...program.args, ...args];
    this.#process = spawn("/bin/sh", ["-c", SCRIPT, folder, ...line], {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe", "pipe"],
    });
    const [, , , alive] = this.#process.stdio;
    alive.on("error", () => undefined).resume();
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => this.#heard(text));
    }
    this.#exited = new Promise((resolve) => {
      this.#process.once("error", (error) => this.#ended(error.message, resolve));
      this.#process.once("close", (code, signal) => this.#ended(`ended with ${signal ?? `code ${code}`}`, resolve));
      this.#process.once("exit", () => alive.end("gone\n"));
    });
    // A test that ends must not wait for a server that nobody stopped.
    this.#keepAlive("unref");
  }

  get pid() {
    return this.#process.pid;
  }

  /** The end of what it printed. */
  get log() {
    return this.#log;
  }

  /** Resolves when it prints what `pattern` matches; rejects when it ends, or is silent for too long. */
  printed(pattern, patienceMs) {
    if (pattern.test(this.#log)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => settle(`did not start in ${patienceMs} ms`), patienceMs);
      const settle = (problem) => {
        clearTimeout(timer);
        this.#watchers.delete(look);
        if (problem === undefined) resolve();
        else reject(new Error(`${problem}:\n${this.#log}`));
      };
      const look = (problem) => {
        if (pattern.test(this.#log)) settle();
        else if (problem !== undefined) settle(problem);
      };
      this.#watchers.add(look);
    });
  }

  signal(name) {
    this.#process.kill(name);
  }

  /** Resolves when it has ended. */
  ended() {
    this.#keepAlive("ref");
    return this.#exited;
  }

  #keepAlive(method) {
    this.#process[method]();
    for (const stream of this.#process.stdio) stream?.[method]?.();
  }

  #heard(text) {
    this.#log = (this.#log + text).slice(-LOG_CHARACTERS);
    for (const look of this.#watchers) look();
  }

  #ended(problem, resolve) {
    resolve();
    for (const look of this.#watchers) look(problem);
  }
}
