import { isLLMCacheError } from "@llmcache/core";
import type { Environment } from "./environment.ts";

const FAILED = 1;

/**
 * `llmcache serve`: reads the configuration, starts the gateway, says where it is, and stops it on SIGINT or SIGTERM: answers under way
 * are finished, writes too. A second signal ends the process at once. `command` is what the usage calls it.
 *
 * @returns the exit code.
 */
export async function serve(
  argv: readonly string[],
  env: Environment,
  { command = "llmcache serve" }: { readonly command?: string | undefined } = {},
): Promise<number> {
  try {
    // Whoever only creates gateways need not load it.
    const [{ configure }, { usage }] = await Promise.all([import("./configure.ts"), import("./arguments.ts")]);
    const wanted = configure(argv, env, process.cwd());
    if (wanted.does === "help") console.log(usage(command));
    else if (wanted.does === "print") console.log(wanted.text.trimEnd());
    else {
      const { runGateway } = await import("./run-gateway.ts");
      await runGateway(wanted.configuration, process.cwd());
    }
    return 0;
  } catch (error) {
    console.error(`llmcache: ${sentenceOf(error)}`);
    return FAILED;
  }
}

/** Of what was foreseen the sentence; of a defect all that there is. */
function sentenceOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const isForeseen = error.name === "ConfigurationError" || isLLMCacheError(error);
  return (isForeseen ? error.message : (error.message.split("\n")[0] ?? "")).replace(/\s*\n\s*/g, " ");
}
