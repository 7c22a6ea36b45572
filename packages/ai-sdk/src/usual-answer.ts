import type { LanguageModelV4Usage } from "@ai-sdk/provider";
import type { Json } from "@llmcache/core";
import { isJson } from "./pack.ts";
import type { Answer } from "./parts-of-answer.ts";

/**
 * An answer of the usual members, in a row: content, warnings, how it ended, what it used, the response's id, time, model and headers, and
 * metadata. Most answers are such, and a row is read in a fraction of the time that a packed one takes.
 */
export type UsualAnswer = readonly [
  content: Json,
  warnings: Json,
  finish: readonly [unified: Json, raw: Json],
  usage: readonly Json[],
  response: Json,
  providerMetadata: Json,
];

const NONE = null;

/** `undefined` where the answer has anything that does not fit: then it is packed. */
export function usualOf(answer: Answer): UsualAnswer | undefined {
  const { content, warnings, finishReason, usage, response, providerMetadata, ...others } = answer;
  if (!isEmpty(others) || !isJson(content) || !isJson(warnings)) return undefined;
  if ("providerMetadata" in answer && (!isJson(providerMetadata) || providerMetadata === NONE)) return undefined;
  const finish = inRow(finishReason, ["unified", "raw"]);
  const used = usageRow(usage);
  const from = responseRow(response);
  if (finish === undefined || used === undefined || from === undefined) return undefined;
  return [content as Json, warnings, finish as [Json, Json], used, from, providerMetadata ?? NONE];
}

/** The answer again, made of the row, which the caller must own. */
export function ofUsual([content, warnings, finish, usage, response, metadata]: UsualAnswer): Answer {
  const [unified, raw] = finish;
  const answer: Record<string, unknown> = {
    content,
    warnings,
    finishReason: { unified, raw: raw ?? undefined },
    usage: usageOf(usage),
  };
  const from = responseOf(response as readonly Json[] | null);
  if (from !== undefined) answer["response"] = from;
  if (metadata !== NONE) answer["providerMetadata"] = metadata;
  return answer as unknown as Answer;
}

function usageRow(usage: LanguageModelV4Usage): Json[] | undefined {
  if (typeof usage !== "object" || usage === null) return undefined;
  const { inputTokens, outputTokens, raw, ...others } = usage;
  if (!isEmpty(others) || ("raw" in usage && (raw === undefined || !isJson(raw)))) return undefined;
  const input = inRow(inputTokens, ["total", "noCache", "cacheRead", "cacheWrite"]);
  const output = inRow(outputTokens, ["total", "text", "reasoning"]);
  if (input === undefined || output === undefined) return undefined;
  return [...input, ...output, ...(raw === undefined ? [] : [raw as Json])];
}

function usageOf(row: readonly Json[]): object {
  const [total, noCache, cacheRead, cacheWrite, out, text, reasoning, raw] = row;
  const usage = {
    inputTokens: {
      total: total ?? undefined,
      noCache: noCache ?? undefined,
      cacheRead: cacheRead ?? undefined,
      cacheWrite: cacheWrite ?? undefined,
    },
    outputTokens: { total: out ?? undefined, text: text ?? undefined, reasoning: reasoning ?? undefined },
  };
  return raw === undefined ? usage : { ...usage, raw };
}

/** Id, time, model and headers; members that are not there stay away. */
function responseRow(response: Answer["response"]): Json | undefined {
  if (response === undefined) return NONE;
  const { id, timestamp, modelId, headers, ...others } = response;
  if (!isEmpty(others)) return undefined;
  for (const name of Object.keys(response)) if (response[name as "id"] === undefined) return undefined;
  const time = timestamp?.getTime();
  if (Number.isNaN(time) || !isText(id) || !isText(modelId)) return undefined;
  return [id ?? NONE, time ?? NONE, modelId ?? NONE, headers ?? NONE];
}

function responseOf(row: readonly Json[] | null): object | undefined {
  if (row === null) return undefined;
  const [id, time, modelId, headers] = row;
  const response: Record<string, unknown> = {};
  if (id !== NONE) response["id"] = id;
  if (time !== NONE) response["timestamp"] = new Date(time as number);
  if (modelId !== NONE) response["modelId"] = modelId;
  if (headers !== NONE) response["headers"] = headers;
  return response;
}

/** The members of an object that has exactly these, which are texts, finite numbers or `undefined`. */
function inRow(object: object, names: readonly string[]): Json[] | undefined {
  if (typeof object !== "object" || object === null || Object.keys(object).length !== names.length) return undefined;
  const row: Json[] = [];
  for (const name of names) {
    if (!Object.hasOwn(object, name)) return undefined;
    const value: unknown = (object as Readonly<Record<string, unknown>>)[name];
    if (value !== undefined && typeof value !== "string" && !Number.isFinite(value)) return undefined;
    row.push((value ?? NONE) as Json);
  }
  return row;
}

function isText(value: unknown): boolean {
  return value === undefined || typeof value === "string";
}

function isEmpty(object: object): boolean {
  return Object.keys(object).length === 0;
}
