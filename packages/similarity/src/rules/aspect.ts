import type { Reading } from "../reading.ts";
import { sides, type Rule } from "../rule.ts";

const PAST = new Set(["was", "were", "did", "had"]);
const FUTURE = new Set(["will", "shall"]);
const PRESENT = new Set(["is", "are", "am", "do", "does", "has"]);
/** Words of beginning, going on and ending, each with its sense. */
const ASPECTS = new Map([
  ["become", "becoming"],
  ["becomes", "becoming"],
  ["becoming", "becoming"],
  ["became", "becoming"],
  ["still", "still"],
  ["already", "already"],
  ["yet", "yet"],
  ["ever", "ever"],
  ["remain", "still"],
  ["remains", "still"],
  ["retired", "former"],
  ["former", "former"],
  ["formerly", "former"],
]);

function tenseOf({ tokens }: Reading): string | undefined {
  if (tokens.some(({ lower }) => FUTURE.has(lower))) return "future";
  if (tokens.some(({ lower }) => PAST.has(lower))) return "past";
  // "has been" and "have been" reach from the past into the present.
  return tokens.some(({ lower }) => PRESENT.has(lower)) ? "present" : undefined;
}

function aspectsOf({ tokens }: Reading): ReadonlySet<string> {
  const found = new Set<string>();
  for (const [index, { lower }] of tokens.entries()) {
    const aspect = ASPECTS.get(lower);
    if (aspect !== undefined) found.add(aspect);
    const next = tokens[index + 1]?.lower;
    if (
      (lower === "used" || lower === "use") &&
      next === "to" &&
      /^(?:be|have|do|live|work|play)$/u.test(tokens[index + 2]?.lower ?? "")
    )
      found.add("former");
    if (lower === "been" && /^(?:has|have|had)$/u.test(tokens[index - 1]?.lower ?? "")) found.add("been");
  }
  return found;
}

/** Is and was, will be, becoming, used to be, still, already. */
export const aspect: Rule = {
  name: "aspect",
  differs({ a, b }) {
    const tenseA = tenseOf(a);
    const tenseB = tenseOf(b);
    if (tenseA !== undefined && tenseB !== undefined && tenseA !== tenseB) return sides([tenseA], [tenseB]);
    const aspectsA = aspectsOf(a);
    const aspectsB = aspectsOf(b);
    const same = aspectsA.size === aspectsB.size && [...aspectsA].every((each) => aspectsB.has(each));
    return same ? undefined : sides([...aspectsA], [...aspectsB]);
  },
};
