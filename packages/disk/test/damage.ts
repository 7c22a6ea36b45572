import { closeSync, openSync, readFileSync, statSync, truncateSync, writeSync } from "node:fs";

export const PAGE_BYTES = 4096;

/** Overwrites bytes of a file in place. */
export function scribble(file: string, at: number, bytes: Uint8Array): void {
  const descriptor = openSync(file, "r+");
  writeSync(descriptor, bytes, 0, bytes.byteLength, at);
  closeSync(descriptor);
}

/** Bytes that no page looks like, the same every time. */
export function garbage(length: number, seed = 1): Buffer {
  let state = seed;
  return Buffer.from(Array.from({ length }, () => (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) >>> 24));
}

/** What may happen to a file, by name. */
export const DAMAGES: Readonly<Record<string, (file: string) => void>> = {
  "has a garbage header": (file) => scribble(file, 0, garbage(100)),
  "is text": (file) => {
    truncateSync(file, 0);
    scribble(file, 0, Buffer.from("My notes: do not lose them.\n".repeat(200)));
  },
  "is a single byte": (file) => {
    truncateSync(file, 0);
    scribble(file, 0, Buffer.from("x"));
  },
  "is a short note": (file) => {
    truncateSync(file, 0);
    scribble(file, 0, Buffer.from("Buy milk. ".repeat(30)));
  },
  "is all zeros": (file) => scribble(file, 0, Buffer.alloc(statSync(file).size)),
  "is cut in half": (file) => truncateSync(file, statSync(file).size >> 1),
  "is cut to one page": (file) => truncateSync(file, PAGE_BYTES),
  "is cut within a page": (file) => truncateSync(file, PAGE_BYTES * 3 + 100),
  "has a garbage schema page": (file) => scribble(file, 100, garbage(PAGE_BYTES - 100)),
  "has garbage in the table's root": (file) => scribble(file, PAGE_BYTES, garbage(PAGE_BYTES)),
  "has garbage in the index of ids": (file) => scribble(file, PAGE_BYTES * 2, garbage(PAGE_BYTES)),
};

/** The pages of a file. */
export function pagesOf(file: string): number {
  return Math.floor(readFileSync(file).byteLength / PAGE_BYTES);
}
