import { passiveIn } from "../passive.ts";
import type { Reading } from "../reading.ts";
import { sides, type Rule } from "../rule.ts";

/** "Who did Ann call" asks for the object, "who called Ann" for the subject; `undefined` for other questions. */
function asksForObject({ tokens }: Reading): boolean | undefined {
  const at = tokens.findIndex(({ lower }) => lower === "who" || lower === "whom");
  const next = tokens[at + 1]?.lower ?? "";
  return at < 0 || /^(?:is|are|was|were|am|will|would|can|could|should|has|have|had)$/u.test(next)
    ? undefined
    : /^(?:do|does|did)$/u.test(next);
}

/**
 * "Did Ann hire Bob" and "was Ann hired by Bob": the same words in the same order, but the passive turns them round; "who called Ann" and
 * "who did Ann call".
 */
export const voice: Rule = {
  name: "voice",
  differs({ a, b, partners }) {
    const [objectA, objectB] = [asksForObject(a), asksForObject(b)];
    if (objectA !== undefined && objectB !== undefined && objectA !== objectB)
      return sides([objectA ? "object" : "subject"], [objectB ? "object" : "subject"]);
    const passiveA = passiveIn(a);
    const passiveB = passiveIn(b);
    if (passiveA === passiveB) return undefined;
    const places = partners.flatMap((partner, index) =>
      partner >= 0 && a.tokens[index]?.content === true ? [partner] : [],
    );
    const sameOrder =
      places.length > 1 && places.every((place, index) => index === 0 || place >= (places[index - 1] as number));
    return sameOrder ? sides([passiveA ? "passive" : "active"], [passiveB ? "passive" : "active"]) : undefined;
  },
};
