import type { Reading } from "../reading.ts";
import { sides, type Rule } from "../rule.ts";
import type { Token } from "../token.ts";
import { FILLERS } from "../words/function-words.ts";

const KINDS: Readonly<Record<string, string>> = {
  who: "who",
  whom: "who",
  whose: "whose",
  when: "when",
  where: "where",
  why: "why",
  which: "what",
  what: "what",
  how: "how",
};
/** How + one of these asks for a measure; which one the noun says, too. */
const MEASURES = new Map([
  ["many", "number"],
  ["much", "amount"],
  ["long", "length"],
  ["old", "age"],
  ["far", "distance"],
  ["often", "frequency"],
  ["tall", "height"],
  ["high", "height"],
  ["big", "size"],
  ["large", "size"],
  ["deep", "depth"],
  ["fast", "speed"],
  ["heavy", "weight"],
  ["hot", "temperature"],
  ["wide", "width"],
]);
/** What + one of these asks what another question word asks. */
const NOUNS = new Map([
  ["number", "number"],
  ["count", "number"],
  ["amount", "amount"],
  ["price", "amount"],
  ["cost", "amount"],
  ["length", "length"],
  ["duration", "length"],
  ["age", "age"],
  ["distance", "distance"],
  ["frequency", "frequency"],
  ["height", "height"],
  ["size", "size"],
  ["depth", "depth"],
  ["speed", "speed"],
  ["weight", "weight"],
  ["temperature", "temperature"],
  ["width", "width"],
  ["reason", "why"],
  ["reasons", "why"],
  ["cause", "why"],
  ["causes", "why"],
  ["makes", "why"],
  ["way", "how"],
  ["ways", "how"],
  ["steps", "how"],
  ["method", "how"],
  ["methods", "how"],
  ["procedure", "how"],
  ["process", "how"],
  ["date", "when"],
  ["year", "when"],
  ["location", "where"],
  ["person", "who"],
  ["author", "who"],
  ["difference", "how"],
  ["differences", "how"],
]);
const AUXILIARIES = new Set(
  "is are was were am do does did can could should would will may might must has have had shall".split(" "),
);

/** Where the question begins, after a greeting and a "could you please". */
function opening(tokens: readonly Token[]): number {
  let at = 0;
  for (; at < tokens.length; at += 1) {
    const lower = tokens[at]?.lower as string;
    if (FILLERS.has(lower)) continue;
    if (tokens[at + 1]?.lower !== "you" || !AUXILIARIES.has(lower)) break;
    at += 1;
  }
  return at;
}

/** What a text asks for: every answer that its words allow. A text without a question word asks for anything that is no reason or measure. */
function asksFor({ tokens }: Reading): ReadonlySet<string> {
  const at = tokens.findIndex(({ lower, kind }) => kind === "word" && Object.hasOwn(KINDS, lower));
  if (at < 0) {
    if (AUXILIARIES.has(tokens[opening(tokens)]?.lower ?? "")) return new Set(["whether"]);
    const nouns = tokens.flatMap(({ lower }) => NOUNS.get(lower) ?? []);
    return new Set(["what", "how", ...nouns]);
  }
  const kind = KINDS[tokens[at]?.lower as string] as string;
  const next = tokens[at + 1]?.lower ?? "";
  if (kind === "how") {
    const measure = MEASURES.get(next);
    if (measure !== undefined) return new Set([measure]);
    return new Set(["how"]);
  }
  if (kind === "what") {
    const nouns = tokens.slice(at + 1).flatMap(({ lower }) => NOUNS.get(lower) ?? []);
    return new Set(["what", ...nouns]);
  }
  return new Set([kind]);
}

/** Who, when, where, why, how, how many: both texts ask for the same kind of thing. */
export const question: Rule = {
  name: "question",
  differs({ a, b }) {
    if (!a.english || !b.english) return undefined;
    const asksA = asksFor(a);
    const asksB = asksFor(b);
    for (const each of asksA) if (asksB.has(each)) return undefined;
    return sides([...asksA], [...asksB]);
  },
};
