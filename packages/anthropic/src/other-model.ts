import type { Json, JsonObject, Verdict } from "@llmcache/core";
import { isJsonObject } from "@llmcache/fetch";

/** What stands before the name on Bedrock (`us.anthropic.`) and at routers (`anthropic/`). */
const BEFORE = /^(?:.*\/)?(?:(?:[a-z]+(?:-[a-z]+)*\.)?anthropic\.)?/;
/** What stands behind it on Bedrock. */
const REVISION = /-v\d+(?::\d+[a-z]*)?$/;
const DATE = /^-20\d{2}[01]\d[0-3]\d$/;
const LATEST = "-latest";

/**
 * Does the answer come from another model than was asked, as a gateway's fallback does? The same are names that differ in case or in
 * what a platform adds (`us.anthropic.claude-…-v1:0`, `claude-…@20250929`), and a dated version of what was asked. A model
 * that was asked by its date is answered by no other.
 */
export function isOtherModel(asked: string, answered: string): boolean {
  const [name, given] = [plainName(asked), plainName(answered)];
  if (given === name) return false;
  const base = name.endsWith(LATEST) ? name.slice(0, -LATEST.length) : name;
  return base === "" || (given !== base && !(given.startsWith(base) && DATE.test(given.slice(base.length))));
}

function plainName(model: string): string {
  return model.toLowerCase().replace(BEFORE, "").replace(REVISION, "").replace("@", "-");
}

/** The models that may answer; `undefined` where any may: an address (ARN) does not say which model is behind it. */
export function expectedModels(model: string, { fallbacks }: JsonObject): readonly string[] | undefined {
  if (model.startsWith("arn:")) return undefined;
  if (fallbacks === undefined || fallbacks === null) return [model];
  if (!Array.isArray(fallbacks)) return undefined;
  const models = (fallbacks as readonly Json[]).map((each) => (isJsonObject(each) ? each["model"] : undefined));
  return [model, ...models.filter((each) => typeof each === "string")];
}

/** An answer of another model than the expected ones is handed over only; one that names no model may be of any. */
export function unlessOtherModel(verdict: Verdict, answer: Json, expected: readonly string[] | undefined): Verdict {
  if (verdict !== "store" || expected === undefined || !isJsonObject(answer)) return verdict;
  const { model } = answer;
  if (typeof model !== "string" || model === "") return verdict;
  return expected.every((each) => isOtherModel(each, model)) ? "pass" : verdict;
}
