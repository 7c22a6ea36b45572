import { OptionChecks, type CacheRequest, type Json, type JsonObject } from "@llmcache/core";
import {
  isJsonObject,
  parseJsonText,
  withoutMembers,
  type ListCall,
  type SplitList,
  type WireFormat,
} from "@llmcache/fetch";
import { noteOf } from "./answer-note.ts";
import { sumOfUsage, usageShares } from "./embed-usage.ts";
import type { GoogleFormatOptions } from "./format-options.ts";
import { askedPath, requestReader, type Asked } from "./identity.ts";

const ONE = "embedContent";
const MANY = "batchEmbedContents";
/** As many as Gemini's API takes. */
const DEFAULT_MAX_BATCH = 100;
const APART: ReadonlySet<string> = new Set(["model", "content"]);
const checks = new OptionChecks("googleEmbedContent");

/** The embedding of one content, and its share of what the request took. */
interface Item {
  readonly embedding: JsonObject;
  readonly usage?: JsonObject | undefined;
}

/**
 * The wire format of Gemini's `embedContent` and `batchEmbedContents`: cached content by content, wherever a content stands.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` for a size of batches that is none.
 */
export function googleEmbedContent(options: GoogleFormatOptions = {}): WireFormat {
  const { maxBatch = DEFAULT_MAX_BATCH } = options;
  checks.whole("maxBatch", maxBatch);
  const read = requestReader(options);
  return {
    name: "google.embedContent",
    knows(request) {
      const method = askedPath(request)?.method;
      return method === ONE || method === MANY;
    },
    readList(request, bytes) {
      const asked = read(request, bytes);
      const contents = asked && contentsOf(asked);
      return asked && contents && new EmbedCall(asked, contents, maxBatch);
    },
    // What is no list of contents passes.
    read: () => undefined,
  };
}

/** What is asked for each content; `undefined` if this is no such request. A member beside the list may say something of all of it. */
function contentsOf({ method, body, model }: Asked): readonly JsonObject[] | undefined {
  if (method === ONE) return isJsonObject(body["content"]) && isOf(body, model) ? [body] : undefined;
  const { requests, ...others } = body;
  if (Object.keys(others).length > 0 || !Array.isArray(requests) || requests.length === 0) return undefined;
  const list = requests as readonly Json[];
  const isContent = (each: Json): each is JsonObject =>
    isJsonObject(each) && isJsonObject(each["content"]) && isOf(each, model);
  return list.every(isContent) ? list : undefined;
}

/** Of another model than the path says? */
function isOf({ model: named }: JsonObject, model: string): boolean {
  return (
    named === undefined ||
    named === model ||
    named === `models/${model}` ||
    (typeof named === "string" && named.endsWith(`/models/${model}`))
  );
}

/** A request for embeddings. */
class EmbedCall implements ListCall<Item> {
  readonly requests: readonly CacheRequest[];
  readonly maxBatch: number;
  readonly #contents: readonly JsonObject[];
  readonly #isOne: boolean;

  constructor(asked: Asked, contents: readonly JsonObject[], maxBatch: number) {
    const { exact, who, around, method } = asked;
    this.#isOne = method === ONE;
    this.#contents = contents;
    this.maxBatch = maxBatch;
    const exactly = this.#isOne ? [exact] : (exact["requests"] as readonly JsonObject[]);
    this.requests = exactly.map((each) => ({
      operation: ONE,
      ...who,
      settings: { ...around, body: withoutMembers(each, APART) },
      prompt: promptOf(each["content"] as JsonObject),
    }));
  }

  bodyOf(positions: readonly number[]): string {
    const chosen = positions.map((position) => this.#contents[position] as JsonObject);
    return JSON.stringify(this.#isOne ? chosen[0] : { requests: chosen });
  }

  split(answer: Json, count: number): SplitList<Item> | undefined {
    if (!isJsonObject(answer)) return undefined;
    const { embedding, embeddings, usageMetadata: usage, ...others } = answer;
    const list = this.#isOne ? [embedding] : embeddings;
    if (!Array.isArray(list) || list.length !== count || !list.every(hasVector)) return undefined;
    const shares = usage === undefined ? [] : usageShares(usage, count);
    const items = (list as readonly JsonObject[]).map((each, place): Item => ({
      embedding: each,
      usage: shares?.[place],
    }));
    // What is said of the list besides is not known to be so of each content.
    const isPlain = Object.keys(others).length === 0 && shares !== undefined;
    return { items, inOrder: true, verdict: isPlain ? "store" : "pass" };
  }

  write(item: Item): Uint8Array {
    return Buffer.from(JSON.stringify(item), "utf8");
  }

  readItem(bytes: Uint8Array): Item | undefined {
    const item = parseJsonText(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8"));
    if (!isJsonObject(item) || !hasVector(item["embedding"])) return undefined;
    const { embedding, usage } = item;
    return { embedding, usage: isJsonObject(usage) ? usage : undefined };
  }

  /** Usage is told where it is known of every content. */
  merge(items: readonly Item[]): Uint8Array {
    const usages = items.map((item) => item.usage).filter((usage) => usage !== undefined);
    const told = usages.length === items.length ? { usageMetadata: sumOfUsage(usages) } : {};
    const embeddings = items.map(({ embedding }) => embedding);
    const answer = this.#isOne ? { embedding: embeddings[0], ...told } : { embeddings, ...told };
    return Buffer.from(JSON.stringify(answer), "utf8");
  }

  note(answer: Json): ReturnType<ListCall["note"]> {
    return noteOf(answer);
  }

  noteItem({ usage }: Item): ReturnType<ListCall["note"]> {
    return usage === undefined ? {} : noteOf({ usageMetadata: usage });
  }
}

/** The text of a content of one text; any other content as it is. Its role says nothing to an embedding, but counts. */
function promptOf(content: JsonObject): Json {
  const { parts } = content;
  const part = Array.isArray(parts) && parts.length === 1 ? (parts[0] as Json) : undefined;
  if (Object.keys(content).length !== 1 || !isJsonObject(part) || Object.keys(part).length !== 1) return content;
  return typeof part["text"] === "string" ? part["text"] : content;
}

function hasVector(embedding: Json | undefined): embedding is JsonObject {
  const values = isJsonObject(embedding) ? embedding["values"] : undefined;
  return Array.isArray(values) && values.length > 0 && values.every((value) => typeof value === "number");
}
