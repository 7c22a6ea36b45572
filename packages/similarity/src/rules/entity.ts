import { sides, type Rule } from "../rule.ts";

/** Names without a counterpart: people, places, products, identifiers. A name in small letters is found where the other has it. */
export const entity: Rule = {
  name: "entity",
  differs({ onlyA, onlyB }) {
    const namesA = onlyA.filter(({ name, content }) => name && content);
    const namesB = onlyB.filter(({ name, content }) => name && content);
    if (namesA.length + namesB.length === 0) return undefined;
    return sides(
      namesA.map(({ text }) => text),
      namesB.map(({ text }) => text),
    );
  },
};
