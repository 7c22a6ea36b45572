import { createHash, createHmac } from "node:crypto";

/** `docs/key-format.md` once more, written for reading and without a look at `src/encoding.ts`. */
export function referenceEncode(value: unknown): Buffer {
  if (value === null) return Buffer.from("n");
  if (value === true) return Buffer.from("t");
  if (value === false) return Buffer.from("f");
  if (typeof value === "number") {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleBE(value + 0);
    return Buffer.concat([Buffer.from("d"), bytes]);
  }
  if (typeof value === "string") return referenceString(value);
  if (Array.isArray(value))
    return Buffer.concat([Buffer.from("a"), count(value.length), ...value.map(referenceEncode)]);
  const members = Object.entries(value as object)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => byUnits(a, b));
  return Buffer.concat([
    Buffer.from("o"),
    count(members.length),
    ...members.flatMap(([name, member]) => [referenceString(name), referenceEncode(member)]),
  ]);
}

function referenceString(text: string): Buffer {
  if (/\p{Surrogate}/u.test(text)) {
    const units = Buffer.alloc(text.length * 2);
    for (let i = 0; i < text.length; i++) units.writeUInt16BE(text.charCodeAt(i), i * 2);
    return Buffer.concat([Buffer.from("u"), count(text.length), units]);
  }
  const bytes = new TextEncoder().encode(text);
  return Buffer.concat([Buffer.from("s"), count(bytes.length), bytes]);
}

function count(n: number): Buffer {
  return Buffer.from([(n >>> 24) & 255, (n >>> 16) & 255, (n >>> 8) & 255, n & 255]);
}

function byUnits(a: string, b: string): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    if (a.charCodeAt(i) !== b.charCodeAt(i)) return a.charCodeAt(i) - b.charCodeAt(i);
  }
  return a.length - b.length;
}

/** The id of an identity record. */
export function referenceId(record: unknown, secret?: string): string {
  const bytes = Buffer.concat([Buffer.from("llmcache:1\n"), referenceEncode(record)]);
  return (secret === undefined ? createHash("sha256") : createHmac("sha256", secret)).update(bytes).digest("hex");
}

/** Another statement of "equal as JSON": JSON text with sorted names. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) => {
    if (typeof member !== "object" || member === null || Array.isArray(member)) return member;
    // Pairs keep an own __proto__, and names that look like numbers in their place.
    return {
      "": Object.entries(member)
        .filter(([, each]) => each !== undefined)
        .sort(([a], [b]) => byUnits(a, b))
        .flat(),
    };
  });
}
