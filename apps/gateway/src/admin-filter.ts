import { durationMs, isLLMCacheError, type EntryHead } from "@llmcache/core";
import { wrongField } from "./own-answer.ts";

/** Which entries are meant; all that is given must hold. */
export interface EntryFilter {
  readonly model?: string;
  readonly provider?: string;
  readonly operation?: string;
  /** All that carry this tag. */
  readonly tag?: string;
  /** This namespace and all below it: `tenant`, `tenant/experiment`. */
  readonly namespace?: string;
  readonly minAgeMs?: number;
  readonly maxAgeMs?: number;
}

/** What may be filtered by, as it is written in queries and bodies. */
export const FILTER_FIELDS: readonly string[] = [
  "model",
  "provider",
  "operation",
  "tag",
  "namespace",
  "minAge",
  "maxAge",
];
const TEXTS = ["model", "provider", "operation", "tag", "namespace"] as const;
const MOST_CHARS = 1000;

/**
 * A filter from the fields of a query or body. `model`, `provider` and `operation` may hold `*` for any text.
 *
 * @throws Refusal 400 naming the field.
 */
export function filterFrom(fields: Readonly<Record<string, unknown>>): EntryFilter {
  const filter: { -readonly [Name in keyof EntryFilter]: EntryFilter[Name] } = {};
  for (const name of TEXTS) {
    const value = fields[name];
    if (value === undefined) continue;
    if (typeof value !== "string" || value === "" || value.length > MOST_CHARS)
      throw wrongField(name, `must be a text of 1 to ${MOST_CHARS} characters.`);
    filter[name] = value;
  }
  if (fields["minAge"] !== undefined) filter.minAgeMs = ageOf("minAge", fields["minAge"]);
  if (fields["maxAge"] !== undefined) filter.maxAgeMs = ageOf("maxAge", fields["maxAge"]);
  if ((filter.minAgeMs ?? 0) > (filter.maxAgeMs ?? Number.POSITIVE_INFINITY))
    throw wrongField("minAge", "must not be above maxAge: nothing is both.");
  return filter;
}

/** The test that a filter stands for, at this instant. */
export function matcher(filter: EntryFilter, now: number): (head: EntryHead) => boolean {
  const { tag, namespace, minAgeMs = Number.NEGATIVE_INFINITY, maxAgeMs = Number.POSITIVE_INFINITY } = filter;
  const patterns = (["model", "provider", "operation"] as const).flatMap((name) =>
    filter[name] === undefined ? [] : [[name, pattern(filter[name])] as const],
  );
  return ({ createdAt, metadata, tags }) => {
    const age = now - createdAt;
    if (age < minAgeMs || age > maxAgeMs) return false;
    if (tag !== undefined && !(tags !== undefined && Object.hasOwn(tags, tag))) return false;
    if (namespace !== undefined && !isBelow(metadata.namespace, namespace)) return false;
    return patterns.every(([name, matches]) => {
      const value = metadata[name];
      return value !== undefined && matches(value);
    });
  };
}

/** Levels are separated by slashes; those within names are written `%2F`. */
function isBelow(namespace: string | undefined, outer: string): boolean {
  return namespace === outer || namespace?.startsWith(`${outer}/`) === true;
}

/** `*` stands for any text. In one pass: no pattern takes longer than the text is long. */
function pattern(text: string): (value: string) => boolean {
  const [first = "", ...rest] = text.split("*");
  const last = rest.pop();
  if (last === undefined) return (value) => value === text;
  return (value) => {
    if (!value.startsWith(first) || !value.endsWith(last)) return false;
    let at = first.length;
    for (const part of rest) {
      const found = value.indexOf(part, at);
      if (found < 0) return false;
      at = found + part.length;
    }
    return at <= value.length - last.length;
  };
}

function ageOf(name: string, value: unknown): number {
  const number = typeof value === "string" && /^\d+(\.\d+)?$/.test(value) ? Number(value) : value;
  try {
    return durationMs(number as string, name);
  } catch (error) {
    if (!isLLMCacheError(error)) throw error;
    throw wrongField(name, `must be seconds, or a text such as "90s", "12h" or "7d".`);
  }
}
