import type { Reading } from "../reading.ts";
import { sides, unmatched, type Rule } from "../rule.ts";
import { CALENDAR, ORDINARY_NAMES, TIME_SIDES } from "../words/times.ts";

const BEFORE_A_DATE = new Set([
  "in",
  "on",
  "by",
  "since",
  "until",
  "last",
  "next",
  "this",
  "of",
  "during",
  "from",
  "every",
  "before",
  "after",
  "late",
  "early",
  "mid",
]);

function calendarIn({ tokens }: Reading): readonly string[] {
  return tokens.flatMap(({ lower, kind, text }, index) => {
    const name = kind === "word" ? CALENDAR.get(lower) : undefined;
    if (name === undefined) return [];
    const before = tokens[index - 1];
    const beside = before?.kind === "number" || tokens[index + 1]?.kind === "number";
    if (ORDINARY_NAMES.has(lower) && !beside && !(text !== lower && BEFORE_A_DATE.has(before?.lower ?? ""))) return [];
    return [name];
  });
}

function sidesIn({ tokens }: Reading): ReadonlySet<string> {
  return new Set(tokens.flatMap(({ lower, kind }) => (kind === "word" ? (TIME_SIDES.get(lower) ?? []) : [])));
}

/** Months, days, parts of the day and the year; and past, present or future. What lies in the present may say so or not. */
export const date: Rule = {
  name: "date",
  differs({ a, b }) {
    const { onlyA, onlyB } = unmatched(calendarIn(a), calendarIn(b));
    if (onlyA.length + onlyB.length > 0) return sides(onlyA, onlyB);
    const timesA = sidesIn(a);
    const timesB = sidesIn(b);
    const differ = ["past", "future"].some((side) => timesA.has(side) !== timesB.has(side));
    return differ ? sides([...timesA], [...timesB]) : undefined;
  },
};
