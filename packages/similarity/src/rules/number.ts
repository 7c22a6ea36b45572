import type { Reading } from "../reading.ts";
import { sides, unmatched, type Rule } from "../rule.ts";
import { formsOf } from "../token.ts";
import { UNITS } from "../words/classes.ts";

/** A number, and the word that it counts. */
interface Counted {
  readonly value: string;
  readonly of: string;
}

function countedIn({ tokens }: Reading): readonly Counted[] {
  return tokens.flatMap((token, index) => {
    if (token.kind !== "number") return [];
    const next = tokens[index + 1];
    return [
      {
        value: token.lower,
        of: next === undefined || next.kind === "mark" ? "" : (formsOf(next.lower)[1] ?? next.lower),
      },
    ];
  });
}

/**
 * Numbers that the other text has not, in digits of any script, words, ordinals or Roman; or in another order, or counting another
 * thing. "one" alone may be missing, as it is a pronoun as often.
 */
export const number: Rule = {
  name: "number",
  differs({ a, b }) {
    const countedA = countedIn(a);
    const countedB = countedIn(b);
    if (countedA.length === 0 && countedB.length === 0) return undefined;
    const left = unmatched(values(countedA), values(countedB));
    // "one" and "1" are the same number.
    settle(left.onlyA, left.onlyB);
    settle(left.onlyB, left.onlyA);
    const lone = (list: readonly string[]) => list.every((value) => value === "one");
    if (!(lone(left.onlyA) && lone(left.onlyB))) return sides(left.onlyA, left.onlyB);
    const orderA = values(countedA).filter((value) => value !== "one");
    const orderB = values(countedB).filter((value) => value !== "one");
    const reordered = orderA.some((value, index) => value !== orderB[index]) && orderA.length === orderB.length;
    const things = unmatched(countedA.map(thing), countedB.map(thing));
    // 3 days with 2 kids may stand as 2 kids, 3 days: but only numbers that count something can move.
    const bound = [...countedA, ...countedB].every(({ of }) => of !== "");
    if (reordered && (!bound || things.onlyA.length + things.onlyB.length > 0)) return sides(orderA, orderB);
    // 10 miles in km, 10 km in miles: both have both units, but what is measured is another.
    const measures = unmatched(measuresIn(countedA, b), measuresIn(countedB, a));
    if (measures.onlyA.length > 0 && measures.onlyB.length > 0) return sides(measures.onlyA, measures.onlyB);
    // 2 adults and 3 children, 3 adults and 2 children.
    return exchanged(countedA, countedB) ? sides(countedA.map(thing), countedB.map(thing)) : undefined;
  },
};

function values(counted: readonly Counted[]): readonly string[] {
  return counted.map(({ value }) => value);
}

function thing({ value, of }: Counted): string {
  return `${value} ${of}`;
}

/** What is counted in units that the other text has too; each has one name here. */
function measuresIn(counted: readonly Counted[], { tokens }: Reading): readonly string[] {
  return counted.flatMap(({ value, of }) => {
    const unit = UNITS.get(of);
    if (unit === undefined || !tokens.some(({ lower }) => UNITS.get(lower) === unit)) return [];
    return [`${value === "one" ? "1" : value} ${unit}`];
  });
}

function settle(from: string[], to: string[]): void {
  // As many as there are of both: each takes a pass over lists that are short where texts are alike.
  for (
    let at = from.indexOf("one"), times = 0;
    at >= 0 && to.includes("1") && times < 50;
    at = from.indexOf("one"), times += 1
  ) {
    from.splice(at, 1);
    to.splice(to.indexOf("1"), 1);
  }
}

/** Is something counted on both sides, by other numbers? */
function exchanged(a: readonly Counted[], b: readonly Counted[]): boolean {
  if (a.length < 2) return false;
  const inB = byThing(b);
  return [...byThing(a)].some(([of, numbers]) => of !== "" && inB.has(of) && inB.get(of) !== numbers);
}

/** For each thing the numbers that count it. */
function byThing(list: readonly Counted[]): ReadonlyMap<string, string> {
  const things = Map.groupBy(list, ({ of }) => of);
  return new Map(
    [...things].map(([of, counted]) => [
      of,
      counted
        .map(({ value }) => (value === "one" ? "1" : value))
        .sort()
        .join(" "),
    ]),
  );
}
