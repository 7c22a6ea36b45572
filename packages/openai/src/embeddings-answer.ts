import type { Json, JsonObject } from "@llmcache/core";
import { isJsonObject } from "@llmcache/fetch";
import { readEmbedding, type EmbeddingItem, type Encoding } from "./embeddings-item.ts";
import { usageShares, usageSum } from "./embeddings-usage.ts";
import { base64Text, numbersText } from "./embeddings-vector.ts";

/** An answer taken apart. */
export interface SplitEmbeddings {
  /** In the order of the request. */
  readonly items: readonly EmbeddingItem[];
  readonly inOrder: boolean;
}

/** Takes an answer to so many items apart; `undefined` if it is none. */
export function splitEmbeddings(answer: Json, count: number, asked: Encoding): SplitEmbeddings | undefined {
  if (!isJsonObject(answer) || (answer["error"] !== undefined && answer["error"] !== null)) return undefined;
  const { data, usage } = answer;
  if (!Array.isArray(data) || data.length !== count) return undefined;
  const around: JsonObject = { ...answer, data: null, ...(usage === undefined ? {} : { usage: null }) };
  const shares = usage === undefined || usage === null ? undefined : usageShares(usage, count);
  const items: EmbeddingItem[] = [];
  let inOrder = true;
  for (const [place, each] of (data as readonly Json[]).entries()) {
    const position = isJsonObject(each) ? positionOf(each, place) : undefined;
    if (!isJsonObject(each) || position === undefined || position >= count || items[position] !== undefined)
      return undefined;
    const item = readEmbedding(each, around, shares?.[position], asked);
    if (item === undefined) return undefined;
    items[position] = item;
    inOrder &&= position === place;
  }
  return { items, inOrder };
}

/** Providers that give no index keep the order. */
function positionOf({ index }: JsonObject, place: number): number | undefined {
  if (index === undefined || index === null) return place;
  return typeof index === "number" && Number.isSafeInteger(index) && index >= 0 ? index : undefined;
}

/** May a stored item answer a call that wants this encoding? */
export function mayAnswer({ asked, vector, text }: EmbeddingItem, wanted: Encoding): boolean {
  if (asked === wanted) return true;
  if (vector === undefined || text !== undefined) return false;
  return wanted === "float" || vector.form === "float32";
}

/**
 * The answer to a list, of its items in order, in the form of the newest of them; `undefined` if they come from different models,
 * whose vectors cannot be compared.
 */
export function mergeEmbeddings(
  items: readonly EmbeddingItem[],
  newest: number,
  wanted: Encoding,
): Uint8Array | undefined {
  const around = items[newest]?.around;
  if (around === undefined || items.some((item) => item.around["model"] !== around["model"])) return undefined;
  const list = items.map((item, index) => itemText(item, index, wanted));
  if (list.includes(undefined)) return undefined;
  const used = items.map(({ usage }) => usage);
  const usage = used.includes(undefined) ? undefined : usageSum(used as readonly Json[]);
  const members = Object.entries(around).flatMap(([name, value]) => {
    if (name === "data") return [`"data":[${list.join(",")}]`];
    if (name === "usage") return usage === undefined ? [] : [`"usage":${JSON.stringify(usage)}`];
    return [`${JSON.stringify(name)}:${JSON.stringify(value)}`];
  });
  return Buffer.from(`{${members.join(",")}}\n`, "utf8");
}

function itemText(item: EmbeddingItem, index: number, wanted: Encoding): string | undefined {
  const embedding = vectorText(item, wanted);
  if (embedding === undefined) return undefined;
  const members = Object.entries(item.item).map(([name, value]) => {
    if (name === "embedding") return `"embedding":${embedding}`;
    return `${JSON.stringify(name)}:${name === "index" ? index : JSON.stringify(value)}`;
  });
  return `{${members.join(",")}}`;
}

function vectorText({ vector, text, asked, written }: EmbeddingItem, wanted: Encoding): string | undefined {
  if (vector === undefined) return text;
  const asBase64 = asked === wanted ? written === "base64" : wanted === "base64";
  if (!asBase64) return numbersText(vector);
  const base64 = base64Text(vector);
  return base64 === undefined ? undefined : `"${base64}"`;
}
