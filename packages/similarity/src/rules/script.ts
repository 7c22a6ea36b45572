import { sides, type Rule } from "../rule.ts";

/** Written in the same scripts. */
export const script: Rule = {
  name: "script",
  differs({ a, b }) {
    return a.scripts === b.scripts ? undefined : sides([a.scripts], [b.scripts]);
  },
};
