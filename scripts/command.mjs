// How the scripts run another program.
import { spawn } from "node:child_process";
import { constants } from "node:os";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"];
/** A signal to a whole process group arrives twice: directly, and from npm, which passes its own on. */
const ECHO_MS = 300;

/**
 * Runs a program and collects what it prints, standard output and error together.
 * Resolves to `{ code, output }`; a program that cannot be started has code 127.
 * A signal ends the program and this process.
 */
export function run(command, args, { cwd, env } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    const stop = () => child.kill();
    const quit = (signal) => process.exit(exitCodeOf(signal));
    process.once("exit", stop);
    for (const signal of SIGNALS) process.on(signal, quit);

    const chunks = [];
    child.stdout.on("data", (chunk) => chunks.push(chunk));
    child.stderr.on("data", (chunk) => chunks.push(chunk));
    const settle = (code, output) => {
      process.off("exit", stop);
      for (const signal of SIGNALS) process.off(signal, quit);
      resolve({ code, output });
    };
    child.on("error", (error) => settle(127, error.message));
    child.on("close", (code, signal) => settle(code ?? exitCodeOf(signal), Buffer.concat(chunks).toString()));
  });
}

/**
 * Runs a Node program in the foreground: it prints for itself, gets every signal that this process gets, and ends
 * when this process ends. Resolves to its exit code.
 *
 * The program leads a process group of its own: Ctrl-C in a terminal signals a whole group, and would otherwise reach
 * the program twice, from the terminal and from here.
 */
export function runInForeground(node, args, { cwd, env } = {}) {
  return new Promise((resolve) => {
    const follow = ["--import", new URL("follow-parent.mjs", import.meta.url).href];
    const child = spawn(node, [...follow, ...args], {
      cwd,
      env,
      detached: true,
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    const forwardedAt = new Map();
    const forward = (signal) => {
      const previous = forwardedAt.get(signal) ?? Number.NEGATIVE_INFINITY;
      if (performance.now() - previous < ECHO_MS) return;
      forwardedAt.set(signal, performance.now());
      child.kill(signal);
    };
    for (const signal of SIGNALS) process.on(signal, forward);

    const settle = (code) => {
      for (const signal of SIGNALS) process.off(signal, forward);
      resolve(code);
    };
    child.on("error", (error) => {
      console.error(error.message);
      settle(127);
    });
    child.on("exit", (code, signal) => settle(code ?? exitCodeOf(signal)));
  });
}

/** What a shell reports for a program that a signal ended. */
function exitCodeOf(signal) {
  return 128 + (constants.signals[signal] ?? 0);
}
