import { wordSet } from "./lists.ts";

/** Words that say how much, how often or how far something holds. */
export const QUANTIFIERS: ReadonlySet<string> = wordSet(`
  all every each both either most many few fewer several half none another other others else only merely solely also too even
  always sometimes usually often rarely seldom never once twice again already yet still ever
  more less least enough almost nearly partly entirely fully completely mostly mainly
  minimum maximum max min average mean median total sum top bottom
`);
