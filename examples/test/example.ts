import { freshDirectory } from "../../packages/testing/test/fresh-directory.ts";
import { runScript } from "../../packages/testing/test/run-script.ts";

/** Credentials and addresses that an example would take from the environment: none is needed. */
const PROVIDERS = /^(?:OPENAI|ANTHROPIC|GEMINI|GOOGLE)_(?:API_KEY|BASE_URL)$/;

/** Runs examples in a folder of their own; gives the lines that one writes. */
export function exampleRunner(): (script: string) => Promise<string[]> {
  const folder = freshDirectory("example");
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !PROVIDERS.test(name)));
  return async (script) => {
    const stdout = await runScript(new URL(`../${script}`, import.meta.url), [folder], { env });
    return stdout.trim().split("\n");
  };
}
