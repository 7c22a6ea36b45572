import type { Comparison } from "../comparison.ts";
import type { Reading } from "../reading.ts";
import { sides, type Rule } from "../rule.ts";
import { passiveIn } from "../passive.ts";

/** Words that give what follows a role: it matters which word that is. */
const DIRECTIONS = new Set(
  "to from into onto than before after over under above below by against for behind beyond inside outside via through on upon with without within between of as at in".split(
    " ",
  ),
);
/** Of these, the ones that turn a question round when what follows them changes. The others only say where a word belongs. */
const STRICT = new Set(
  "to from into onto than before after over under above below by against behind beyond inside outside for as".split(
    " ",
  ),
);
/** Between such words, or around them, the order says nothing. */
const SYMMETRIC =
  /\b(?:and|or|vs|versus|between|married to|close to|similar to|equal to|equals|equivalent to|next to|near|related to|engaged to|connected to|linked to|adjacent to|parallel to|dating|same as|identical to|different from|compared to|compare|comparison|friends? with|combine|mix|differ)\b/iu;

/** What follows each directional word: the next word that both texts have. */
function rolesIn({ tokens }: Reading, isShared: (index: number) => boolean): ReadonlyMap<string, readonly string[]> {
  const roles = new Map<string, string[]>();
  for (const [index, { lower }] of tokens.entries()) {
    if (!DIRECTIONS.has(lower)) continue;
    for (let place = index + 1; place < Math.min(tokens.length, index + 6); place += 1) {
      const token = tokens[place];
      if (token === undefined || DIRECTIONS.has(token.lower)) break;
      if (!isShared(place) || !(token.content || /^(?:me|him|her|us|them|i)$/u.test(token.lower))) continue;
      const list = roles.get(lower) ?? [];
      list.push(String(place));
      roles.set(lower, list);
      break;
    }
  }
  return roles;
}

/** For each shared word of `a` with content, its place in `b`, in the order of `a`. */
function permutation({ a, partners }: Comparison): readonly number[] {
  return partners.flatMap((partner, index) => (partner >= 0 && a.tokens[index]?.content === true ? [partner] : []));
}

/**
 * The same words in other roles: from Paris to Rome, from Rome to Paris; is a square a rectangle, is a rectangle a square. A part that
 * moved as a whole (in Python, how …) is the same question, and so are words around "and", "or", "married to".
 */
export const order: Rule = {
  name: "order",
  differs(texts) {
    const places = permutation(texts);
    if (places.every((place, index) => index === 0 || place >= (places[index - 1] as number))) return undefined;
    if (SYMMETRIC.test(texts.a.source) && SYMMETRIC.test(texts.b.source)) return undefined;
    if (passiveIn(texts.a) !== passiveIn(texts.b)) return undefined;
    const toB = (index: number) => texts.partners[index] ?? -1;
    const inB = new Set(texts.partners);
    const rolesA = rolesIn(texts.a, (index) => toB(index) >= 0);
    const rolesB = rolesIn(texts.b, (index) => inB.has(index));
    for (const [direction, wordsA] of rolesA) {
      const wordsB = rolesB.get(direction);
      if (!STRICT.has(direction) || wordsB === undefined) continue;
      const inA = wordsA.map((place) => String(toB(Number(place))));
      const alike =
        wordsA.length === wordsB.length
          ? inA.every((place) => wordsB.includes(place))
          : inA.some((place) => wordsB.includes(place));
      if (!alike) return shown(texts);
    }
    return exchanged(texts, places) ? shown(texts) : undefined;
  },
};

function shown({ a, b, partners }: Comparison): string {
  const matched = new Set(partners);
  return sides(
    a.tokens.filter(({ content }, index) => content && (partners[index] as number) >= 0).map(({ text }) => text),
    b.tokens.filter(({ content }, index) => content && matched.has(index)).map(({ text }) => text),
  );
}

/** Did two words, or two names of several words, change places while those around them stayed? */
function exchanged({ a, partners }: Comparison, places: readonly number[]): boolean {
  const parts = partsIn(places);
  const movedParts = parts.flatMap((part, index) => (part === index ? [] : [index]));
  if (movedParts.length === 2 && movedParts[1] !== (movedParts[0] as number) + 1) return true;
  const sorted = places.toSorted((x, y) => x - y);
  const moved = places.flatMap((place, index) => (place === sorted[index] ? [] : [index]));
  if (moved.length !== 2) return false;
  if (places.length === 2) return true;
  // Neighbours: "chocolate milk", "milk chocolate"; but a "Python list" is a "list in Python".
  const [first = 0, second = 0] = moved;
  const at = partners.indexOf(places[first] as number);
  return (
    a.tokens[at + 1] !== undefined &&
    partners[at + 1] === places[second] &&
    Math.abs((places[first] as number) - (places[second] as number)) === 1
  );
}

/** Words that stayed together are one part: the place of each part among the others, in the order of the other text. */
function partsIn(places: readonly number[]): readonly number[] {
  const rankOf = new Map(places.toSorted((x, y) => x - y).map((place, rank) => [place, rank]));
  const ranks = places.map((place) => rankOf.get(place) as number);
  const starts = ranks.filter((rank, index) => index === 0 || rank !== (ranks[index - 1] as number) + 1);
  const placeOf = new Map(starts.toSorted((x, y) => x - y).map((start, place) => [start, place]));
  return starts.map((start) => placeOf.get(start) as number);
}
