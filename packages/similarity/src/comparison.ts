import type { Reading } from "./reading.ts";
import { formsOf, sameWord, type Token } from "./token.ts";
import { isNameTypo, isTypo } from "./typo.ts";
import { ANTONYMS } from "./words/antonyms.ts";
import { FILLERS, FUNCTION_WORDS } from "./words/function-words.ts";
import { UNITS } from "./words/classes.ts";
import { SYNONYMS } from "./words/synonyms.ts";
import { CALENDAR } from "./words/times.ts";

/** Words left over on one side that are tried against those of the other; texts that differ in more are not alike. */
const MOST_COMPARED = 24;

/** Two texts, and which words of one have a counterpart in the other. Symmetric: exchanging the texts exchanges the sides. */
export interface Comparison {
  readonly a: Reading;
  readonly b: Reading;
  /** Words of the one that the other has not, in no form, spelling or synonym; also words that hold the sentence together. */
  readonly onlyA: readonly Token[];
  readonly onlyB: readonly Token[];
  /** For each token of `a` the index of its counterpart in `b`, or −1. */
  readonly partners: readonly number[];
  /** Words with content that both have. */
  readonly shared: number;
}

export function compare(a: Reading, b: Reading): Comparison {
  const partners = a.tokens.map(() => -1);
  const free = new Map<string, number[]>();
  for (const [index, token] of b.tokens.entries()) {
    if (token.kind !== "word") continue;
    const list = free.get(token.lower);
    if (list === undefined) free.set(token.lower, [index]);
    else list.push(index);
  }
  const taken = new Set<number>();
  const cursors = new Map<string, number>();
  for (const [index, token] of a.tokens.entries()) {
    if (token.kind !== "word") continue;
    const cursor = cursors.get(token.lower) ?? 0;
    const place = free.get(token.lower)?.[cursor];
    if (place === undefined) continue;
    cursors.set(token.lower, cursor + 1);
    partners[index] = place;
    taken.add(place);
  }
  const leftA = a.tokens.flatMap((token, index) => (token.kind === "word" && partners[index] === -1 ? [index] : []));
  const leftB = b.tokens.flatMap((token, index) => (token.kind === "word" && !taken.has(index) ? [index] : []));
  if (leftA.length <= MOST_COMPARED && leftB.length <= MOST_COMPARED) {
    // The surest first.
    pairUp(a, b, leftA, leftB, partners, isSameForm);
    joinUp(a, b, leftA, leftB, (first, second, place) => {
      partners[first] = place;
      partners[second] = place;
    });
    joinUp(b, a, leftB, leftA, (first, _second, place) => {
      partners[place] = first;
    });
    for (const alike of [isSynonym, isMisspelt]) pairUp(a, b, leftA, leftB, partners, alike);
  }
  return {
    a,
    b,
    onlyA: leftA.map((index) => a.tokens[index] as Token),
    onlyB: leftB.map((index) => b.tokens[index] as Token),
    partners,
    shared: a.tokens.filter(({ content }, index) => content && (partners[index] as number) >= 0).length,
  };
}

type Alike = (a: Token, b: Token) => boolean;

function pairUp(a: Reading, b: Reading, leftA: number[], leftB: number[], partners: number[], alike: Alike): void {
  for (let index = 0; index < leftA.length; index += 1) {
    const at = leftA[index] as number;
    const found = leftB.findIndex((place) => alike(a.tokens[at] as Token, b.tokens[place] as Token));
    if (found < 0) continue;
    partners[at] = leftB[found] as number;
    leftA.splice(index, 1);
    leftB.splice(found, 1);
    index -= 1;
  }
}

/** "web site" and "website": neighbours that are one word on the other side. */
function joinUp(
  from: Reading,
  to: Reading,
  left: number[],
  other: number[],
  join: (first: number, second: number, place: number) => void,
): void {
  for (let index = 0; index + 1 < left.length; index += 1) {
    const at = left[index] as number;
    if (left[index + 1] !== at + 1) continue;
    const joined = `${from.tokens[at]?.lower}${from.tokens[at + 1]?.lower}`;
    const found = other.findIndex((place) => to.tokens[place]?.lower === joined);
    if (found < 0) continue;
    join(at, at + 1, other[found] as number);
    left.splice(index, 2);
    other.splice(found, 1);
    index -= 1;
  }
}

function isSameForm(a: Token, b: Token): boolean {
  return sameWord(a.lower, b.lower) || sameName(CALENDAR, a, b) || sameName(UNITS, a, b);
}

/** "Sept" and "September", "km" and "kilometers". */
function sameName(names: ReadonlyMap<string, string>, a: Token, b: Token): boolean {
  const name = names.get(a.lower);
  return name !== undefined && name === names.get(b.lower);
}

function isSynonym(a: Token, b: Token): boolean {
  if (opposed(a.lower, b.lower)) return false;
  const groupsB = formsOf(b.lower).flatMap((form) => SYNONYMS.get(form) ?? []);
  return (
    groupsB.length > 0 && formsOf(a.lower).some((form) => SYNONYMS.get(form)?.some((group) => groupsB.includes(group)))
  );
}

function isMisspelt(a: Token, b: Token): boolean {
  if (opposed(a.lower, b.lower)) return false;
  return a.name || b.name ? isNameTypo(a.lower, b.lower) : isTypo(a.lower, b.lower, isWord);
}

/** A word that the lists know: it is meant as it is written. */
function isWord(word: string): boolean {
  return formsOf(word).some(
    (form) => FUNCTION_WORDS.has(form) || FILLERS.has(form) || ANTONYMS.has(form) || SYNONYMS.has(form),
  );
}

/** Do two words stand against each other, in whichever form? */
export function opposed(a: string, b: string): boolean {
  const others = formsOf(b);
  return formsOf(a).some((form) => {
    const against = ANTONYMS.get(form);
    return against !== undefined && others.some((other) => against.has(other));
  });
}
