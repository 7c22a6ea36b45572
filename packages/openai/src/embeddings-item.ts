import type { Json, JsonObject } from "@llmcache/core";
import { isJsonObject, parseJsonText } from "@llmcache/fetch";
import { isPacked, packBase64, packNumbers, type PackedVector } from "./embeddings-vector.ts";

/** How a request wants its vectors. */
export type Encoding = "float" | "base64";

/** How an answer says a vector; `"other"`: in a way of its own, which is kept as JSON text. */
type Writing = "base64" | "numbers" | "other";

/** One item of an answer, with what the answer said besides. */
export interface EmbeddingItem {
  readonly vector: PackedVector | undefined;
  /** The `embedding` as JSON text, where it is no vector that is known. */
  readonly text: string | undefined;
  readonly asked: Encoding;
  readonly written: Writing;
  /** The item of the answer: all its members in their order, `index` and `embedding` emptied. */
  readonly item: JsonObject;
  /** The answer around it: all its members in their order, `data` and `usage` emptied. */
  readonly around: JsonObject;
  /** This item's share. */
  readonly usage: Json | undefined;
}

const FORMAT = 1;
const NEWLINE = 0x0a;

/** An item as it came. */
export function readEmbedding(
  item: JsonObject,
  around: JsonObject,
  usage: Json | undefined,
  asked: Encoding,
): EmbeddingItem | undefined {
  const { embedding } = item;
  if (embedding === undefined || embedding === null || embedding === "") return undefined;
  if (Array.isArray(embedding) && embedding.length === 0) return undefined;
  const vector =
    typeof embedding === "string"
      ? packBase64(embedding)
      : Array.isArray(embedding)
        ? packNumbers(embedding)
        : undefined;
  if (vector === undefined && !isJson(embedding)) return undefined;
  const written = vector === undefined ? "other" : typeof embedding === "string" ? "base64" : "numbers";
  return {
    vector,
    text: vector === undefined ? JSON.stringify(embedding) : undefined,
    asked,
    written,
    item: { ...item, embedding: null, ...(item["index"] === undefined ? {} : { index: 0 }) },
    around,
    usage,
  };
}

/** The stored form: a line of JSON, then the vector. */
export function writeItem({ vector, text, asked, written, item, around, usage }: EmbeddingItem): Uint8Array {
  const line = JSON.stringify({ llmcacheEmbedding: FORMAT, form: vector?.form, asked, written, item, around, usage });
  return Buffer.concat([Buffer.from(`${line}\n`, "utf8"), vector?.bytes ?? Buffer.from(text ?? "", "utf8")]);
}

/** An item in its stored form, whose bytes are borrowed; `undefined` if it is none. */
export function readItem(stored: Uint8Array): EmbeddingItem | undefined {
  const lineEnd = stored.indexOf(NEWLINE);
  const line = lineEnd < 0 ? undefined : parseJsonText(textOf(stored.subarray(0, lineEnd)));
  if (!isJsonObject(line) || line["llmcacheEmbedding"] !== FORMAT) return undefined;
  const { form, asked, written, item, around, usage } = line;
  if (!isJsonObject(item) || !isJsonObject(around) || (asked !== "float" && asked !== "base64")) return undefined;
  const bytes = stored.subarray(lineEnd + 1);
  const common = { asked, item, around, usage } as const;
  if (written === "other") {
    const text = textOf(bytes);
    return parseJsonText(text) === undefined ? undefined : { ...common, written, text, vector: undefined };
  }
  if ((written !== "base64" && written !== "numbers") || !isPacked(form, bytes)) return undefined;
  return { ...common, written, text: undefined, vector: { form, bytes } };
}

/** Would it be the same again after being written as JSON? Not what JSON.parse makes of 1e999. */
function isJson(value: Json | undefined): boolean {
  if (typeof value === "number") return Number.isFinite(value) && !Object.is(value, -0);
  if (typeof value !== "object" || value === null) return true;
  return Object.values(value as JsonObject).every(isJson);
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
}
