import { EndpointError } from "./endpoint-error.ts";

const FLOAT_BYTES = 4;

/**
 * The vectors of an answer of `/embeddings`, in the order of the texts that were sent: by `index`, where the answer has it.
 *
 * @throws EndpointError where it is no such answer, or does not say which vector is which text's.
 */
export function answeredVectors(answer: unknown, texts: number): readonly Float32Array[] {
  const data = isObject(answer) ? answer["data"] : undefined;
  if (!Array.isArray(data)) throw new EndpointError("its answer has no list of vectors (data).");
  const items = data as readonly unknown[];
  if (items.length !== texts) throw new EndpointError(`${items.length} vectors came for ${texts} texts.`);
  return placed(items).map((item, place) => {
    const vector = isObject(item) ? vectorOf(item["embedding"]) : undefined;
    if (vector !== undefined) return vector;
    throw new EndpointError(
      `the embedding of text ${place + 1} of ${texts} is neither a list of numbers nor base64 of float32s.`,
    );
  });
}

function placed(items: readonly unknown[]): readonly unknown[] {
  const indexes = items.map((item) => (isObject(item) ? item["index"] : undefined));
  if (indexes.every((index) => index === undefined || index === null)) return items;
  const ordered: unknown[] = Array.from({ length: items.length });
  const places = new Set<number>();
  for (const [position, index] of indexes.entries()) {
    if (!Number.isInteger(index) || (index as number) < 0 || (index as number) >= items.length)
      throw new EndpointError(`a vector's index is none from 0 to ${items.length - 1}.`);
    if (places.has(index as number)) throw new EndpointError(`two vectors have the index ${String(index)}.`);
    places.add(index as number);
    ordered[index as number] = items[position];
  }
  return ordered;
}

function vectorOf(embedding: unknown): Float32Array | undefined {
  if (typeof embedding === "string") return fromBase64(embedding);
  if (embedding instanceof Float32Array) return embedding;
  if (!Array.isArray(embedding) || !embedding.every((number) => typeof number === "number")) return undefined;
  return Float32Array.from(embedding as readonly number[]);
}

function fromBase64(text: string): Float32Array | undefined {
  const bytes = Buffer.from(text, "base64");
  // Buffer passes over what is no base64.
  if (bytes.length % FLOAT_BYTES !== 0 || bytes.toString("base64").replace(/=+$/, "") !== text.replace(/=+$/, ""))
    return undefined;
  return Float32Array.from({ length: bytes.length / FLOAT_BYTES }, (_, index) =>
    bytes.readFloatLE(index * FLOAT_BYTES),
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
