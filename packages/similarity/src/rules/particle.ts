import { sides, type Rule } from "../rule.ts";

/** Small words that turn a verb into another: log in, look up, give in. */
const PARTICLES = new Set([
  "up",
  "down",
  "out",
  "off",
  "on",
  "in",
  "over",
  "away",
  "back",
  "under",
  "through",
  "from",
  "to",
  "into",
  "before",
  "after",
  "since",
  "until",
  "against",
  "during",
  "without",
  "than",
  "if",
  "unless",
  "between",
  "among",
  "with",
  "for",
  "about",
  "by",
  "at",
  "of",
  "as",
]);
const LOOSE = new Set([
  "in",
  "on",
  "to",
  "from",
  "through",
  "over",
  "into",
  "between",
  "among",
  "than",
  "if",
  "up",
  "out",
  "with",
  "for",
  "about",
  "by",
  "at",
  "of",
  "as",
]);

/** Small words that change where something goes, without a counterpart on both sides; or a verb's, on one. */
export const particle: Rule = {
  name: "particle",
  differs({ onlyA, onlyB, a, b }) {
    const leftA = onlyA.filter(({ lower }) => PARTICLES.has(lower));
    const leftB = onlyB.filter(({ lower }) => PARTICLES.has(lower));
    if (leftA.length === 0 && leftB.length === 0) return undefined;
    const strict = [...leftA, ...leftB].some(({ lower }) => !LOOSE.has(lower));
    // In the same place of the same words: "copy to", "copy from".
    const replaced = leftA.length > 0 && leftB.length > 0 && a.tokens.length === b.tokens.length;
    return strict || replaced
      ? sides(
          leftA.map(({ text }) => text),
          leftB.map(({ text }) => text),
        )
      : undefined;
  },
};
