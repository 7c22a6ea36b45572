import { sides, type Rule } from "../rule.ts";

/** URLs, mail addresses and paths are the same, in the same order. */
export const link: Rule = {
  name: "link",
  differs({ a, b }) {
    const same = a.links.length === b.links.length && a.links.every((each, index) => each === b.links[index]);
    return same ? undefined : sides(a.links, b.links);
  },
};
