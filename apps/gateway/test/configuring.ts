import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { configure, type Command, type Configuration } from "../src/configure.ts";
import type { Environment } from "../src/environment.ts";

/** What a test starts from; a file's name says its format. */
export interface Sources {
  readonly flags?: readonly string[];
  readonly env?: Environment;
  readonly files?: Readonly<Record<string, string>>;
}

/** Runs `configure` in a folder of its own. */
export function command({ flags = [], env = {}, files = {} }: Sources): Command {
  const folder = mkdtempSync(join(tmpdir(), "llmcache-configure-"));
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    return configure(flags, env, folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export function configuration(sources: Sources): Configuration {
  const found = command(sources);
  if (found.does !== "serve") throw new Error(`It does ${found.does}.`);
  return found.configuration;
}

export function print(sources: Sources): string {
  const found = command({ ...sources, flags: [...(sources.flags ?? []), "--print-config"] });
  if (found.does !== "print") throw new Error(`It does ${found.does}.`);
  return found.text;
}
