import { leftOver } from "../polarity.ts";
import { sides, type Rule } from "../rule.ts";

/** A word with content that the other text lacks, which lacks none of its own: it narrows or widens the question. */
export const addition: Rule = {
  name: "addition",
  differs(texts) {
    const { leftA, leftB } = leftOver(texts);
    if ((leftA.length === 0) === (leftB.length === 0)) return undefined;
    return sides(
      leftA.map(({ text }) => text),
      leftB.map(({ text }) => text),
    );
  },
};
