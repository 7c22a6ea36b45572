import { polarityOf } from "../polarity.ts";
import { sides, type Rule } from "../rule.ts";
import { formsOf, type Token } from "../token.ts";
import type { Reading } from "../reading.ts";
import { FORMATS, LANGUAGES, UNITS } from "../words/classes.ts";
import { QUANTIFIERS } from "../words/quantifiers.ts";

/** A rule that refuses a word of a list without a counterpart, on either side. */
function noneLeft(name: string, is: (token: Token, reading: Reading) => boolean): Rule {
  return {
    name,
    differs({ a, b, onlyA, onlyB }) {
      const leftA = onlyA.filter((token) => is(token, a));
      const leftB = onlyB.filter((token) => is(token, b));
      if (leftA.length + leftB.length === 0) return undefined;
      return sides(
        leftA.map(({ text }) => text),
        leftB.map(({ text }) => text),
      );
    },
  };
}

/** JSON or a table, a poem or an essay, short or long. "List three …" is a request, not a format. */
export const format: Rule = noneLeft(
  "format",
  ({ lower }, { tokens }) => FORMATS.has(lower) && !(lower === "list" && tokens[0]?.lower === "list"),
);

/** English or French, Python or Java. `C`, `R` and `Go` are languages where they are written as names. */
export const language: Rule = noneLeft(
  "language",
  ({ lower, text, name }) => LANGUAGES.has(lower) || /^[CR]$/u.test(text) || (name && text === "Go"),
);

/** Metres or feet, dollars or euros. */
export const unit: Rule = noneLeft("unit", ({ lower, text }, { tokens }) => {
  const degree = /^[CFK]$/u.test(text) && tokens.some(({ kind }) => kind === "number");
  return degree || formsOf(lower).some((form) => UNITS.has(form));
});

/** Only, also, even, always, most: how much of something is meant. */
export const quantifier: Rule = {
  name: "quantifier",
  differs(texts) {
    const { cancelled } = polarityOf(texts);
    const left = (tokens: readonly Token[]) =>
      tokens.filter((token) => QUANTIFIERS.has(token.lower) && !cancelled.has(token)).map(({ text }) => text);
    const [leftA, leftB] = [left(texts.onlyA), left(texts.onlyB)];
    return leftA.length + leftB.length > 0 ? sides(leftA, leftB) : undefined;
  },
};
