import { readFileSync } from "node:fs";

const USAGE = `Usage: llmcache <command> [options]

  llmcache serve     a caching gateway for clients of language models in any language; llmcache serve --help

  --help             this text
  --version          the version`;

const WRONG_USE = 2;

/**
 * What `llmcache` does with these arguments. Prints; ends no process.
 *
 * @returns the exit code.
 */
export async function run(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const [command, ...rest] = argv;
  switch (command) {
    case "serve": {
      // What other commands need not load.
      const { serve } = await import("@llmcache/gateway");
      return serve(rest, env);
    }
    case "--version":
      console.log(version());
      return 0;
    case "--help":
    case "-h":
    case "help":
      console.log(USAGE);
      return 0;
    case undefined:
      console.error(USAGE);
      return WRONG_USE;
    default:
      console.error(`llmcache: ${JSON.stringify(command.slice(0, 40))} is no command; llmcache --help lists them.`);
      return WRONG_USE;
  }
}

function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  return String((manifest as { readonly version: unknown }).version);
}
