import { writeSync } from "node:fs";
import { createHash } from "node:crypto";
import type { Entry } from "@llmcache/core";
import { sampleEntry, sampleId } from "@llmcache/core/conformance";

/** One line to the test, written before this returns: what was said is heard even if the process is killed right after. */
export function say(...words: readonly (string | number)[]): void {
  writeSync(1, `${words.join(" ")}\n`);
}

/** Fulfilled once the test has said so (a line), or has ended its side. */
export async function told(): Promise<void> {
  await new Promise<void>((resolve) => {
    process.stdin.once("data", () => resolve());
    process.stdin.once("end", () => resolve());
    process.stdin.resume();
  });
  process.stdin.pause();
}

/** A body that can be checked: whoever reads another one than was written, or half of one, sees it. */
export interface Sealed {
  readonly key: string;
  readonly turn: number;
  readonly filler: string;
  readonly seal: string;
}

export function sealedEntry(key: string, turn: number, author: string): Entry {
  const filler = `${key} ${turn} ${author} `.repeat(1 + ((turn * 37) % 400));
  return sampleEntry({
    id: sampleId(key),
    createdAt: 1 + turn,
    metadata: { turn, author },
    value: { key, turn, filler, seal: seal(key, turn, filler) } satisfies Sealed,
  });
}

/** @throws for what is not whole or not of this key. */
export function unsealed(key: string, entry: Entry): Sealed {
  const value = entry.body.json() as unknown as Sealed;
  if (value.key !== key || entry.id !== sampleId(key)) throw new Error(`${key}: another key's entry, ${value.key}`);
  if (value.seal !== seal(key, value.turn, value.filler)) throw new Error(`${key}: a torn body`);
  if (entry.metadata["turn"] !== value.turn) throw new Error(`${key}: head and body of two writes`);
  return value;
}

function seal(key: string, turn: number, filler: string): string {
  return createHash("sha256")
    .update(JSON.stringify([key, turn, filler]))
    .digest("hex");
}
