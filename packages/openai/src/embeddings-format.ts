import { isDeepStrictEqual } from "node:util";
import type { CacheRequest, Json, JsonObject, Verdict } from "@llmcache/core";
import { isJsonObject, type ListCall, type SplitList, type WireFormat } from "@llmcache/fetch";
import { noteOf } from "./answer-note.ts";
import { mayAnswer, mergeEmbeddings, splitEmbeddings } from "./embeddings-answer.ts";
import { EMBEDDINGS_FIELDS, ITEM_FIELDS } from "./embeddings-fields.ts";
import { readItem, writeItem, type EmbeddingItem, type Encoding } from "./embeddings-item.ts";
import { goesTo } from "./endpoint.ts";
import type { OpenAIFormatOptions } from "./format-options.ts";
import { requestReader, settingsOf, type Asked } from "./identity.ts";
import { isOtherModel } from "./other-model.ts";
import { storedCall } from "./stored-call.ts";

const ENDPOINT = "/embeddings";
const OPERATION = "embeddings";
const ELSEWHERE: ReadonlySet<string> = new Set(["model", "input"]);

/** The wire format of OpenAI's embeddings, and of all who speak it: lists are cached item by item. */
export function openAIEmbeddings(options: OpenAIFormatOptions = {}): WireFormat {
  const reader = requestReader({ endpoint: ENDPOINT, fields: EMBEDDINGS_FIELDS }, options);
  return {
    name: "openai.embeddings",
    knows: (request) => goesTo(request, ENDPOINT),
    readList(request, bytes) {
      const asked = reader(request, bytes);
      const items = asked === undefined ? undefined : itemsOf(asked);
      return asked === undefined || items === undefined ? undefined : new EmbeddingsCall(asked, items);
    },
    /** A list that may not be taken apart, as a whole. */
    read(request, bytes) {
      const asked = reader(request, bytes);
      const { input } = asked?.counted ?? {};
      if (asked === undefined || input === undefined) return undefined;
      const settings = { ...settingsOf(asked, ELSEWHERE), encoding: asked.body["encoding_format"] };
      const identity: CacheRequest = { operation: OPERATION, ...asked.who, settings, prompt: { list: input } };
      return storedCall(identity, { judge: (answer) => judgeWhole(answer, asked) });
    },
  };
}

/** Each text, or each list of tokens; `undefined` where it is not certain that each has a vector of its own. */
function itemsOf({ body, counted }: Asked): readonly Json[] | undefined {
  const { input } = body;
  if (!Object.keys(body).every((name) => ITEM_FIELDS.has(name))) return undefined;
  // Integers that a double cannot hold would be others in a body that is written anew.
  if (!Object.entries(counted).every(([name, value]) => isDeepStrictEqual(value, body[name]))) return undefined;
  if (typeof input === "string") return [input];
  if (!Array.isArray(input) || input.length === 0) return undefined;
  if (isTokens(input)) return [input];
  const list = input as readonly Json[];
  return list.every((item) => typeof item === "string" || isTokens(item)) ? list : undefined;
}

function isTokens(item: Json): boolean {
  return Array.isArray(item) && item.length > 0 && item.every((token) => typeof token === "number");
}

class EmbeddingsCall implements ListCall<EmbeddingItem> {
  readonly requests: readonly CacheRequest[];
  readonly #body: JsonObject;
  readonly #items: readonly Json[];
  readonly #encoding: Encoding;
  readonly #expected: string | undefined;

  constructor(asked: Asked, items: readonly Json[]) {
    const { body, who, expected } = asked;
    this.#body = body;
    this.#items = items;
    this.#expected = expected;
    this.#encoding = body["encoding_format"] === "base64" ? "base64" : "float";
    const plain = Object.keys(body).every((name) => Object.hasOwn(EMBEDDINGS_FIELDS, name));
    const settings: JsonObject = {
      ...settingsOf(asked, ELSEWHERE),
      // Other providers' fields may say that the bytes are something else than float32s.
      ...(plain ? {} : { encoding: this.#encoding }),
    };
    // A list, though of one: similar stores compare texts, and a similar text has another vector.
    this.requests = items.map((item) => ({ operation: OPERATION, ...who, settings, prompt: [item] }));
  }

  bodyOf(positions: readonly number[]): string {
    return JSON.stringify({ ...this.#body, input: positions.map((position) => this.#items[position] as Json) });
  }

  split(answer: Json, count: number): SplitList<EmbeddingItem> | undefined {
    const split = splitEmbeddings(answer, count, this.#encoding);
    return split === undefined ? undefined : { ...split, verdict: verdictOn(answer, this.#expected) };
  }

  countOf(answer: Json): number | undefined {
    if (!isJsonObject(answer) || (answer["error"] !== undefined && answer["error"] !== null)) return undefined;
    const { data } = answer;
    return Array.isArray(data) ? data.length : undefined;
  }

  write(item: EmbeddingItem): Uint8Array {
    return writeItem(item);
  }

  readItem(bytes: Uint8Array): EmbeddingItem | undefined {
    const item = readItem(bytes);
    return item !== undefined && mayAnswer(item, this.#encoding) ? item : undefined;
  }

  merge(items: readonly EmbeddingItem[], newest: number): Uint8Array | undefined {
    return mergeEmbeddings(items, newest, this.#encoding);
  }

  note(answer: Json): ReturnType<ListCall["note"]> {
    return noteOf(answer);
  }

  noteItem({ usage = null }: EmbeddingItem): ReturnType<ListCall["note"]> {
    return noteOf({ usage });
  }
}

function judgeWhole(answer: Json, { expected }: Asked): Verdict {
  if (!isJsonObject(answer)) return "pass";
  if (answer["error"] !== undefined && answer["error"] !== null) return "fail";
  const { data } = answer;
  if (!Array.isArray(data) || data.length === 0) return "pass";
  return splitEmbeddings(answer, data.length, "float") === undefined ? "pass" : verdictOn(answer, expected);
}

/** What OpenAI puts behind the name of its older models, whichever it was asked for. */
const REVISION = /-v\d+$/;

/** A fallback's vectors are not those of the model that was asked for. */
function verdictOn(answer: Json, expected: string | undefined): Verdict {
  const model = isJsonObject(answer) ? answer["model"] : undefined;
  if (expected === undefined || typeof model !== "string") return "store";
  return isOtherModel(expected, model) && isOtherModel(expected, model.replace(REVISION, "")) ? "pass" : "store";
}
