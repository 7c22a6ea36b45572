import { sides, type Rule } from "../rule.ts";

/** Two texts of small words only ("who are you?") are the same word for word or not at all. */
export const bare: Rule = {
  name: "bare",
  differs({ a, b, onlyA, onlyB, shared, partners }) {
    const content = [...a.tokens, ...b.tokens].some((token) => token.content || token.kind !== "word");
    if (content || shared > 0) return undefined;
    const ordered = partners.every((place, index) => place === index);
    return onlyA.length + onlyB.length === 0 && ordered
      ? undefined
      : sides(
          a.tokens.map(({ text }) => text),
          b.tokens.map(({ text }) => text),
        );
  },
};
