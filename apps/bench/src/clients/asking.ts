import { textOf } from "../samples.ts";

/** The text of a request of about so many bytes; each number asks something else. */
export function questionOf(bytes: number): (n: number) => string {
  const text = textOf(Math.max(40, bytes - 150), 5);
  return (n) => `${text} ${n}`;
}

/** So many texts to embed; each number has other ones. */
export function textsOf(count: number): (n: number) => string[] {
  return (n) => Array.from({ length: count }, (_, at) => `What is the answer to question ${n} of ${at}?`);
}

/** Reads to the end, and counts. */
export async function drained(chunks: AsyncIterable<unknown>, expected: number): Promise<void> {
  let count = 0;
  for await (const _ of chunks) count++;
  if (count !== expected) throw new Error(`${count} chunks instead of ${expected}`);
}
