import { polarityOf } from "../polarity.ts";
import { sides, type Rule } from "../rule.ts";

/** A word on one side and its opposite on the other, if no negation makes up for it. */
export const antonym: Rule = {
  name: "antonym",
  differs(texts) {
    if (texts.onlyA.length === 0 || texts.onlyB.length === 0) return undefined;
    const { antonyms } = polarityOf(texts);
    return antonyms.length > 0
      ? sides(
          antonyms.map(({ a }) => a.text),
          antonyms.map(({ b }) => b.text),
        )
      : undefined;
  },
};
