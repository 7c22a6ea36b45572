import type { Json, Verdict } from "@llmcache/core";
import { isJsonObject } from "@llmcache/fetch";

/** A version behind a model's name, as providers write it. */
const VERSION =
  /^[-@:](?:latest|0\d\d|(?:19|20)\d\d-?[01]\d-?[0-3]\d|[0-3]\d-?(?:19|20)\d\d|\d{2}[01]\d[0-3]\d|(\d\d)-?(\d\d))$/;
const LATEST = /[-@:]latest$/;

const MAX_MONTH = 12;
const MAX_DAY = 31;
/** Of two-digit years: there were no models before. */
const MIN_YEAR = 20;

/**
 * Does the answer come from another model than was asked, as a gateway's fallback does? The same are names that differ in case
 * or in the provider before them (`openai/gpt-4o`), and a dated version of what was asked (`gpt-4o-2024-08-06` for `gpt-4o` or
 * `gpt-4o-latest`). A model that was asked by its version is answered by no other.
 */
export function isOtherModel(asked: string, answered: string): boolean {
  const [from, to] = [asked.toLowerCase().split("/"), answered.toLowerCase().split("/")];
  const [name, given] = [from.pop() ?? "", to.pop() ?? ""];
  return !isSamePath(from, to) || !isVersionOf(given, name);
}

/** Gateways put their own name before the provider's, or leave both out; two providers' models of one name are two models. */
function isSamePath(one: readonly string[], other: readonly string[]): boolean {
  const length = Math.min(one.length, other.length);
  return length === 0 || one.slice(-length).every((part, index) => part === other.slice(-length)[index]);
}

function isVersionOf(given: string, asked: string): boolean {
  if (given === asked) return true;
  const base = asked.replace(LATEST, "");
  if (given === base) return true;
  if (base === "" || !given.startsWith(base)) return false;
  const version = VERSION.exec(given.slice(base.length));
  return version !== null && isDate(version[1], version[2]);
}

/** Four digits are month and day, or year and month, or month and day with a hyphen between; `gpt-4-3264` is no version of `gpt-4`. */
function isDate(first: string | undefined, second: string | undefined): boolean {
  if (first === undefined || second === undefined) return true;
  const [one, two] = [Number(first), Number(second)];
  const isMonth = (number: number): boolean => number >= 1 && number <= MAX_MONTH;
  return (isMonth(one) && two >= 1 && two <= MAX_DAY) || (one >= MIN_YEAR && isMonth(two));
}

/** An answer of another model than the expected one is handed over only; one that names no model may be of any. */
export function unlessOtherModel(verdict: Verdict, answer: Json, expected: string | undefined): Verdict {
  if (verdict !== "store" || expected === undefined || !isJsonObject(answer)) return verdict;
  const { model } = answer;
  return typeof model === "string" && model !== "" && isOtherModel(expected, model) ? "pass" : verdict;
}
