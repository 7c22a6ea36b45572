import { CONFUSABLE } from "./words/confusable.ts";
import { FUNCTION_WORDS } from "./words/function-words.ts";

/** Shorter words are one letter from another word too often. */
const LEAST_LENGTH = 5;
const LEAST_LENGTH_SUBSTITUTED = 7;
const VOWEL = /[aeiouy]/u;

/**
 * Is one a slip of the pen for the other? A swapped pair of letters, one letter doubled, forgotten or added inside the word, or, in long
 * words, a vowel for a vowel. The first letter is right. `isWord` says which are words in their own right: two of them are no typo.
 */
export function isTypo(a: string, b: string, isWord: (word: string) => boolean): boolean {
  const [short, long] = a.length <= b.length ? [a, b] : [b, a];
  // "teh", "wich": among short words only those that hold a sentence together.
  const holding = FUNCTION_WORDS.has(a) !== FUNCTION_WORDS.has(b);
  if (holding && short.length >= 3 && short.length === long.length && isSwap(a, b)) return !CONFUSABLE.get(a)?.has(b);
  if (
    short.length < (holding ? LEAST_LENGTH - 1 : LEAST_LENGTH) ||
    long.length - short.length > 1 ||
    short[0] !== long[0]
  )
    return false;
  if (CONFUSABLE.get(a)?.has(b) === true || (isWord(a) && isWord(b))) return false;
  // Letters that are doubled, or not, wherever: "reccomend".
  if (short.length > LEAST_LENGTH && undoubled(a) === undoubled(b)) return true;
  return isSlip(short, long) && !isEnding(short, long);
}

/** The same, only what cannot make one name of another: a swap, or a letter doubled. */
export function isNameTypo(a: string, b: string): boolean {
  const [short, long] = a.length <= b.length ? [a, b] : [b, a];
  if (short.length < LEAST_LENGTH || short[0] !== long[0] || CONFUSABLE.get(a)?.has(b) === true) return false;
  if (short.length === long.length) return isSwap(a, b);
  if (long.length - short.length > 1) return false;
  const at = firstDifference(short, long);
  return at < short.length && short.slice(at) === long.slice(at + 1) && long[at] === long[at - 1];
}

function isSlip(short: string, long: string): boolean {
  const at = firstDifference(short, long);
  if (short.length < long.length) return short.slice(at) === long.slice(at + 1);
  if (isSwap(short, long)) return true;
  return (
    short.length >= LEAST_LENGTH_SUBSTITUTED &&
    short.slice(at + 1) === long.slice(at + 1) &&
    VOWEL.test(short[at] as string) &&
    VOWEL.test(long[at] as string)
  );
}

/** One letter more at the end makes another form or another word. */
function isEnding(short: string, long: string): boolean {
  return long.startsWith(short);
}

function undoubled(word: string): string {
  return word.replace(/(.)\1/gu, "$1");
}

function isSwap(a: string, b: string): boolean {
  const at = firstDifference(a, b);
  return a[at] === b[at + 1] && a[at + 1] === b[at] && a[at] !== undefined && a.slice(at + 2) === b.slice(at + 2);
}

function firstDifference(a: string, b: string): number {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at += 1;
  return at;
}
