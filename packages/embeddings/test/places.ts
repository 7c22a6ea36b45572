import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";

/** Where the packages of the local models are installed. */
export const installed: string = import.meta.dirname;

/** A folder that is gone after the tests of the file. */
export function freshDirectory(): string {
  const folder = mkdtempSync(join(tmpdir(), "llmcache-embeddings-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function cosine(one: Float32Array | undefined, other: Float32Array | undefined): number {
  let [dot, first, second] = [0, 0, 0];
  for (const [index, a] of (one ?? []).entries()) {
    const b = other?.[index] ?? Number.NaN;
    dot += a * b;
    first += a * a;
    second += b * b;
  }
  return dot / Math.sqrt(first * second);
}
