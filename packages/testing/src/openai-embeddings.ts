import { createHash } from "node:crypto";
import type { EmbeddingsScript } from "./endpoint-scripts.ts";
import type { RecordedRequest } from "./recorded-request.ts";
import type { ChatScript } from "./script.ts";
import { jsonAnswer, jsonTextAnswer, type WireAnswer } from "./wire-answer.ts";
import { modelOf } from "./request-model.ts";
import { tokensIn } from "./token-count.ts";

const DEFAULT_DIMENSIONS = 8;
const MAX_DIGITS = 9;

interface EmbeddingsRequest {
  readonly model?: unknown;
  readonly input?: unknown;
  readonly dimensions?: unknown;
  readonly encoding_format?: unknown;
}

/** The vectors of a request's input. */
export function embeddingsAnswer(request: RecordedRequest, script: ChatScript): WireAnswer {
  const body = request.json() as EmbeddingsRequest;
  const said = script.embeddings ?? {};
  const inputs = inputsOf(body.input);
  const model = script.model ?? modelOf(request, body.model);
  const asked = typeof body.dimensions === "number" ? body.dimensions : undefined;
  const dimensions = said.dimensions ?? asked ?? DEFAULT_DIMENSIONS;
  const given = Array.from({ length: said.count ?? inputs.length }, (_, index) => inputs[index % inputs.length]);
  const items = given.map((input, index) => {
    const vector = embedding(`${model} ${said.version ?? ""} ${JSON.stringify(input)}`, dimensions);
    const place = said.indexes === false ? "" : `"index": ${index}, `;
    return `{"object": "embedding", ${place}"embedding": ${written(vector, body.encoding_format, said)}}`;
  });
  const count = inputs.reduce<number>((sum, input) => sum + tokensOf(input), 0);
  const usage = said.usage === false ? {} : { usage: { prompt_tokens: count, total_tokens: count, ...said.usage } };
  const rest = JSON.stringify({ model, ...usage, ...said.extra }).slice(1);
  const text = `{"object": "list", "data": [${ordered(items, said.order).join(", ")}], ${rest}\n`;
  return inputs.length === 0
    ? jsonAnswer(request, 400, { error: { message: "'$.input' is invalid.", type: "invalid_request_error" } })
    : jsonTextAnswer(request, 200, text, script.headers);
}

function inputsOf(input: unknown): readonly unknown[] {
  if (typeof input === "string") return [input];
  if (!Array.isArray(input)) return [];
  const list = input as readonly unknown[];
  return list.length > 0 && list.every((item) => typeof item === "number") ? [list] : list;
}

function tokensOf(input: unknown): number {
  if (Array.isArray(input)) return input.length;
  return tokensIn(String(input));
}

/** A vector of length one, made of a digest of the text. */
function embedding(text: string, dimensions: number): Float32Array {
  const digest = createHash("shake256", { outputLength: dimensions * 4 })
    .update(text)
    .digest();
  const numbers = Float64Array.from({ length: dimensions }, (_, index) => digest.readInt32LE(index * 4) / 2 ** 31);
  const length = Math.hypot(...numbers) || 1;
  return Float32Array.from(numbers, (number) => number / length);
}

function written(vector: Float32Array, encoding: unknown, said: EmbeddingsScript): string {
  if (encoding === "base64" && said.ignoreEncoding !== true) {
    const bytes = Buffer.alloc(vector.length * 4);
    for (const [index, number] of vector.entries()) bytes.writeFloatLE(number, index * 4);
    return JSON.stringify(bytes.toString("base64"));
  }
  const write = { shortest, exact: String, double: (number: number) => String(number + number * 2 ** -40) };
  return `[${Array.from(vector, write[said.numbers ?? "shortest"]).join(", ")}]`;
}

/** The fewest digits that are this float32 and no other. */
function shortest(number: number): string {
  for (let digits = 1; digits < MAX_DIGITS; digits++) {
    const text = number.toPrecision(digits);
    if (Math.fround(Number(text)) === number) return text;
  }
  return number.toPrecision(MAX_DIGITS);
}

function ordered(items: readonly string[], order: EmbeddingsScript["order"]): readonly string[] {
  if (order === "reversed") return items.toReversed();
  if (order !== "shuffled") return items;
  // The same each time: by a digest of what is shuffled.
  const rank = (item: string): string => createHash("sha256").update(item).digest("hex");
  return items.toSorted((one, other) => (rank(one) < rank(other) ? -1 : 1));
}
