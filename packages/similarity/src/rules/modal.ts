import type { Reading } from "../reading.ts";
import { sides, type Rule } from "../rule.ts";

const MODALS: Readonly<Record<string, string>> = {
  should: "should",
  ought: "should",
  must: "must",
  shall: "should",
  can: "can",
  could: "can",
  may: "may",
  might: "may",
};

/** The modal verb of a yes-or-no or why question; "how can I" and "how should I" ask the same, and "can you" is a request. */
function modalIn({ tokens }: Reading): string | undefined {
  const at = tokens.findIndex(({ lower, kind }) => kind === "word" && Object.hasOwn(MODALS, lower));
  if (at < 0) return undefined;
  const next = tokens[at + 1]?.lower;
  const asked = next === "you" || (next === "i" && /^(?:get|have|ask|know)$/u.test(tokens[at + 2]?.lower ?? ""));
  if (asked || tokens.slice(0, at).some(({ lower }) => lower === "how")) return undefined;
  return MODALS[tokens[at]?.lower as string];
}

/** Should I, can I, must I. */
export const modal: Rule = {
  name: "modal",
  differs({ a, b }) {
    const modalA = modalIn(a);
    const modalB = modalIn(b);
    return modalA !== undefined && modalB !== undefined && modalA !== modalB ? sides([modalA], [modalB]) : undefined;
  },
};
