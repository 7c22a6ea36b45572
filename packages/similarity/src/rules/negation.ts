import type { Reading } from "../reading.ts";
import { negationsIn, polarityOf, type Negation } from "../polarity.ts";
import { sides, type Rule } from "../rule.ts";
import { formsOf } from "../token.ts";

/** More negations on one side, or of another word. "not perfect" is "imperfect", "not odd" is "even". */
export const negation: Rule = {
  name: "negation",
  differs(texts) {
    const inA = negationsIn(texts.a);
    const inB = negationsIn(texts.b);
    if (inA.length === 0 && inB.length === 0) return undefined;
    const { negatorsA, negatorsB } = polarityOf(texts);
    if (negatorsA.length !== negatorsB.length) return sides(negatorsA, negatorsB);
    // As many, of other words that both texts have: "can swim but not dive".
    const deniedA = deniedIn(inA);
    const deniedB = deniedIn(inB);
    if (deniedA === undefined || deniedB === undefined) return undefined;
    const onlyA = [...deniedA].filter((form) => !deniedB.has(form));
    const onlyB = [...deniedB].filter((form) => !deniedA.has(form));
    if (onlyA.length === 0 || onlyB.length === 0) return undefined;
    const [allA, allB] = [formsIn(texts.a), formsIn(texts.b)];
    return onlyA.some((form) => allB.has(form)) && onlyB.some((form) => allA.has(form))
      ? sides(onlyA, onlyB)
      : undefined;
  },
};

/** What is denied, in all forms; `undefined` if a negation is of a whole sentence. */
function deniedIn(negations: readonly Negation[]): ReadonlySet<string> | undefined {
  if (negations.some(({ target }) => target === undefined)) return undefined;
  return new Set(negations.flatMap(({ target }) => (target === undefined ? [] : formsOf(target.lower))));
}

function formsIn({ tokens }: Reading): ReadonlySet<string> {
  return new Set(tokens.flatMap(({ lower }) => formsOf(lower)));
}
