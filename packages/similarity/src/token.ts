import { IRREGULAR, NO_FORM } from "./words/forms.ts";

export type TokenKind = "word" | "number" | "mark";

/** A word, a number or a mark of a text. */
export interface Token {
  readonly kind: TokenKind;
  /** As it was written. */
  readonly text: string;
  /** In lower case; of a number its one spelling ("1000", "3rd"). */
  readonly lower: string;
  /** A name: a capital inside a sentence, two capitals, or letters with digits. */
  readonly name: boolean;
  /** Says what the text is about, as against words that hold it together. */
  readonly content: boolean;
  /** A verb that says little: content only where something else stands in its place. */
  readonly light: boolean;
}

const DOUBLED = /(?:bb|dd|gg|ll|mm|nn|pp|rr|tt|vv|zz|kk)$/u;
/** One vowel between consonants: such words double the last letter before `-ing`, so without doubling an `e` was dropped. */
const SHORT = /^[^aeiouy]*[aeiouy][^aeiouywx]$/u;

const memo = new Map<string, readonly string[]>();
const MOST_REMEMBERED = 5000;

/** The plain forms that a word may be a form of, itself among them: plural, tense, `-ing`, irregular ones. */
export function formsOf(word: string): readonly string[] {
  const known = memo.get(word);
  if (known !== undefined) return known;
  const forms = [...new Set([word, ...plainForms(word)])];
  if (memo.size >= MOST_REMEMBERED) memo.clear();
  memo.set(word, forms);
  return forms;
}

function plainForms(word: string): readonly string[] {
  const irregular = IRREGULAR.get(word);
  if (irregular !== undefined) return [irregular];
  if (NO_FORM.has(word)) return [];
  if (word.length < 4) return word.length === 3 && /[b-df-hj-np-rtv-z]s$/u.test(word) ? [word.slice(0, -1)] : [];
  if (word.endsWith("ies")) return [`${word.slice(0, -3)}y`, word.slice(0, -1)];
  if (/(?:ss|x|ch|sh|z|o|us)es$/u.test(word)) return [word.slice(0, -2), word.slice(0, -1)];
  if (word.endsWith("s") && !/(?:ss|us|is)$/u.test(word)) return [word.slice(0, -1)];
  if (word.endsWith("ied")) return [`${word.slice(0, -3)}y`];
  if (word.endsWith("ing")) return verbForms(word.slice(0, -3));
  if (word.endsWith("ed")) return verbForms(word.slice(0, -2));
  return [];
}

/** @param rest a word without `-ing` or `-ed`. */
function verbForms(rest: string): readonly string[] {
  if (rest.length < 2 || !/[aeiouy]/u.test(rest)) return [];
  if (SHORT.test(rest)) return [`${rest}e`];
  if (DOUBLED.test(rest)) return [rest.slice(0, -1), rest];
  return [rest, `${rest}e`];
}

/** Are these forms of one word? */
export function sameWord(a: string, b: string): boolean {
  if (a === b) return true;
  const others = formsOf(b);
  return formsOf(a).some((form) => others.includes(form));
}
