import { sides, unmatched, type Rule } from "../rule.ts";

/** What stands between quotation marks or backticks is the same to the letter; it may stand without marks on the other side. */
export const quotation: Rule = {
  name: "quotation",
  differs({ a, b }) {
    if (a.quotations.length === 0 && b.quotations.length === 0) return undefined;
    const { onlyA, onlyB } = unmatched(a.quotations, b.quotations);
    const missingA = onlyA.filter((each) => onlyB.length > 0 || !isIn(b.source, each));
    const missingB = onlyB.filter((each) => onlyA.length > 0 || !isIn(a.source, each));
    if (missingA.length + missingB.length > 0) return sides(missingA, missingB);
    // The same ones in another order.
    const both = onlyA.length === 0 && onlyB.length === 0;
    return both && a.quotations.some((each, index) => each !== b.quotations[index])
      ? sides(a.quotations, b.quotations)
      : undefined;
  },
};

function isIn(text: string, part: string): boolean {
  return text.replace(/\s+/gu, " ").includes(part);
}
