import type { Comparison } from "../comparison.ts";
import { leftOver } from "../polarity.ts";
import { sides, type Rule } from "../rule.ts";
import { FILLERS } from "../words/function-words.ts";

/** Left over on one side, of which nothing can be said any more. */
const MOST_LEFT = 12;

/**
 * Words with content that the texts do not share, on both sides: neither forms nor misspellings nor synonyms of one another. Texts
 * that share next to nothing are rewordings or strangers: similarity tells those apart.
 */
export const swap: Rule = {
  name: "swap",
  differs(texts) {
    const { leftA, leftB } = leftOver(texts);
    const { shared } = texts;
    const filler = exchangedFiller(texts);
    if (filler !== undefined) return filler;
    if (leftA.length > MOST_LEFT || leftB.length > MOST_LEFT) return `${leftA.length} / ${leftB.length} words`;
    const least = Math.min(leftA.length, leftB.length);
    if (least === 0 || (least > 1 && shared * 2 < least)) return undefined;
    return sides(
      leftA.map(({ text }) => text),
      leftB.map(({ text }) => text),
    );
  },
};

/** After these, or at the very beginning, one way to ask is as good as another: "could you explain", "please describe". */
const BEFORE_A_REQUEST = new Set(["you", "please", "and", "to"]);

/** One filler in the place of another, amid the same words, is what the text is about: "how do you say thanks", "… say sorry". */
function exchangedFiller({ a, b, onlyA, onlyB }: Comparison): string | undefined {
  const [first, second] = [onlyA[0], onlyB[0]];
  if (onlyA.length !== 1 || onlyB.length !== 1 || first === undefined || second === undefined) return undefined;
  if (!FILLERS.has(first.lower) || !FILLERS.has(second.lower)) return undefined;
  const at = a.tokens.indexOf(first);
  if (at < 2 || at !== b.tokens.indexOf(second) || at + 1 >= a.tokens.length || a.tokens.length !== b.tokens.length)
    return undefined;
  return BEFORE_A_REQUEST.has(a.tokens[at - 1]?.lower ?? "") ? undefined : sides([first.text], [second.text]);
}
