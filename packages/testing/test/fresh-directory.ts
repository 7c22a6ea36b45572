import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";

/** A directory that is gone, with what is in it, after the tests of the file. */
export function freshDirectory(name: string): string {
  const directory = mkdtempSync(join(tmpdir(), `llmcache-${name}-`));
  afterAll(() => rmSync(directory, { recursive: true, force: true, maxRetries: 3 }));
  return directory;
}
