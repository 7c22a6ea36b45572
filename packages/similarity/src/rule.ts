import type { Comparison } from "./comparison.ts";

/** One thing in which two texts may differ so that one answer cannot serve both. Pure, and it asks the same both ways round. */
export interface Rule {
  /** The reason of a refusal: "number". */
  readonly name: string;
  /** What differs, for people to read (it holds words of the texts); `undefined` if nothing of this kind. */
  differs(texts: Comparison): string | undefined;
}

/** `"a" / "b"`, with what only one of the texts has. */
export function sides(a: readonly string[], b: readonly string[]): string {
  return `${a.length === 0 ? "–" : a.join(" ")} / ${b.length === 0 ? "–" : b.join(" ")}`;
}

/** What of two lists has no counterpart in the other, one for one. */
export function unmatched(a: readonly string[], b: readonly string[]): { onlyA: string[]; onlyB: string[] } {
  const counts = new Map<string, number>();
  for (const item of b) counts.set(item, (counts.get(item) ?? 0) + 1);
  const onlyA: string[] = [];
  for (const item of a) {
    const count = counts.get(item) ?? 0;
    if (count === 0) onlyA.push(item);
    else counts.set(item, count - 1);
  }
  return { onlyA, onlyB: [...counts].flatMap(([item, count]) => Array.from({ length: count }, () => item)) };
}
