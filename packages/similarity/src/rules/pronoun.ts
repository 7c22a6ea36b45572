import type { Reading } from "../reading.ts";
import { sides, type Rule } from "../rule.ts";

const THIRD: Readonly<Record<string, string>> = {
  he: "he",
  him: "him",
  his: "his",
  himself: "him",
  she: "she",
  her: "her",
  hers: "her",
  herself: "her",
  they: "they",
  them: "them",
  their: "their",
  theirs: "their",
};
const FIRST = new Set(["my", "mine", "myself", "our", "ours", "us"]);
const SECOND = new Set(["your", "yours", "yourself"]);

function thirdIn({ tokens }: Reading): readonly string[] {
  return tokens.flatMap(({ lower, text }) =>
    Object.hasOwn(THIRD, lower) && text !== "US" ? [THIRD[lower] as string] : [],
  );
}

/** Whom the text is about: me ("my", "am I") or you ("your", "are you"). "How do I" and "how do you" are general. */
function personsIn({ tokens }: Reading): string {
  const persons = new Set<string>();
  for (const [index, { lower, text }] of tokens.entries()) {
    if (FIRST.has(lower) && text !== "US") persons.add("first");
    if (SECOND.has(lower)) persons.add("second");
    const [before, next] = [tokens[index - 1]?.lower, tokens[index + 1]?.lower];
    if (lower === "am" && (before === "i" || next === "i")) persons.add("first");
    if ((lower === "are" || lower === "were") && (before === "you" || next === "you")) persons.add("second");
  }
  return [...persons].sort().join(" ");
}

/** He and she, who does what to whom, mine and yours. */
export const pronoun: Rule = {
  name: "pronoun",
  differs({ a, b }) {
    const thirdA = thirdIn(a);
    const thirdB = thirdIn(b);
    if (thirdA.length > 0 && thirdB.length > 0 && thirdA.join(" ") !== thirdB.join(" ")) return sides(thirdA, thirdB);
    const personsA = personsIn(a);
    const personsB = personsIn(b);
    const other = (persons: string, third: readonly string[]) => persons !== "" || third.length > 0;
    if (personsA !== personsB && other(personsA, thirdA) && other(personsB, thirdB))
      return sides([personsA, ...thirdA], [personsB, ...thirdB]);
    return undefined;
  },
};
