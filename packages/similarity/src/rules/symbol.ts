import { operatorsIn } from "../formula.ts";
import type { Reading } from "../reading.ts";
import { sides, type Rule } from "../rule.ts";

/** What is no punctuation of prose, or stands alone in the middle of a text: marks of code, in their order. */
const CODE =
  /[[\]{}<>=^~\\|*_@]|(?<![A-Za-z])#|&&|::|\(\)|\?\.(?=\p{L})|\?:|(?<!\p{L})[ABD-Zabd-z]\+\+|\+\+\p{L}|--(?=\p{L})|(?<=\s)[;:,.!?]+(?=\s+\S)/gu;

/** Operators, the brackets of formulas, marks of code, arrows and emoji are the same, in the same order. */
export const symbol: Rule = {
  name: "symbol",
  differs({ a, b }) {
    return (
      differing(marksIn(a), marksIn(b)) ??
      differing(operatorsIn(a.source), operatorsIn(b.source)) ??
      differing(codeIn(a), codeIn(b))
    );
  },
};

function marksIn({ tokens }: Reading): readonly string[] {
  return tokens.filter(({ kind }) => kind === "mark").map(({ text }) => text);
}

function codeIn({ source }: Reading): readonly string[] {
  return source.match(CODE) ?? [];
}

function differing(a: readonly string[], b: readonly string[]): string | undefined {
  return a.join(" ") === b.join(" ") ? undefined : sides(a, b);
}
