import { sides, type Rule } from "../rule.ts";

/** Operators, arrows and emoji are the same, in the same order. */
export const symbol: Rule = {
  name: "symbol",
  differs({ a, b }) {
    const listA = a.tokens.filter(({ kind }) => kind === "mark").map(({ text }) => text);
    const listB = b.tokens.filter(({ kind }) => kind === "mark").map(({ text }) => text);
    return listA.join(" ") === listB.join(" ") ? undefined : sides(listA, listB);
  },
};
