import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
/** Of what a script may write. */
const MAX_BYTES = 2 ** 26;

/** Runs a script in a process of its own, on the sources; gives what it wrote. Rejects if it ends in another way than by itself. */
export async function runScript(
  script: URL,
  args: readonly string[] = [],
  options: { readonly env?: NodeJS.ProcessEnv; readonly cwd?: string } = {},
): Promise<string> {
  const { stdout } = await run(process.execPath, ["--conditions=@llmcache/source", fileURLToPath(script), ...args], {
    ...options,
    maxBuffer: MAX_BYTES,
  });
  return stdout;
}

/** The same for a script that writes JSON. */
export async function toldBy<T>(script: URL, args: readonly string[]): Promise<T> {
  return JSON.parse(await runScript(script, args)) as T;
}
