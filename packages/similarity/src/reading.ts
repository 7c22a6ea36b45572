import { isAscii, romanValue, shifted } from "./digits.ts";
import { scan, type Piece } from "./scan.ts";
import { spansOf } from "./spans.ts";
import { formsOf, type Token } from "./token.ts";
import { FILLERS, FUNCTION_WORDS, LIGHT_WORDS } from "./words/function-words.ts";
import { NUMBERED, ORDINALS, SCALES, SMALL_NUMBERS } from "./words/numbers.ts";
import { PHRASES } from "./words/phrases.ts";
import { CALENDAR } from "./words/times.ts";

/** A text as the rules see it. */
export interface Reading {
  readonly source: string;
  readonly tokens: readonly Token[];
  readonly quotations: readonly string[];
  readonly links: readonly string[];
  /** Names of the scripts that its letters are of, sorted. */
  readonly scripts: string;
  /** Has words of English that hold a sentence together, or is too short to tell. */
  readonly english: boolean;
}

/** Reads a text; never throws. Linear in its length. */
export function read(source: string): Reading {
  const text = source
    .normalize("NFC")
    // Invisible: zero-width spaces, soft hyphens, direction marks, byte order marks.
    .replace(/[\u00ad\u200b-\u200c\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/gu, "")
    .replace(/(\p{Nd})[\u00a0\u202f\u2009](?=\p{Nd}{3}(?!\p{Nd}))/gu, "$1,");
  const spans = spansOf(text);
  const pieces = phrased(scan(spans.text));
  const shouted = isShouted(pieces);
  const tokens = numbered(pieces, shouted);
  return {
    source,
    tokens,
    quotations: spans.quotations,
    links: spans.links,
    scripts: scriptsOf(text),
    english: isEnglish(tokens),
  };
}

const PHRASES_BY_FIRST = new Map<
  string,
  { readonly words: readonly string[]; readonly becomes: readonly string[] }[]
>();
for (const [phrase, becomes] of PHRASES) {
  const words = phrase.replace("don't", "do not").split(" ");
  const list = PHRASES_BY_FIRST.get(words[0] as string) ?? [];
  list.push({ words, becomes: becomes.split(" ") });
  PHRASES_BY_FIRST.set(words[0] as string, list);
}

function phrased(pieces: readonly Piece[]): readonly Piece[] {
  const out: Piece[] = [];
  for (let index = 0; index < pieces.length; index += 1) {
    const piece = pieces[index] as Piece;
    const phrase = PHRASES_BY_FIRST.get(piece.lower)?.find(({ words }) =>
      words.every((word, offset) => pieces[index + offset]?.lower === word),
    );
    if (phrase === undefined) out.push(piece);
    else {
      const last = pieces[index + phrase.words.length - 1] as Piece;
      for (const [place, word] of phrase.becomes.entries())
        out.push({
          kind: "word",
          text: isCapital(last.text) && word.length > 1 ? last.text[0] + word.slice(1) : word,
          lower: word,
          first: piece.first && place === 0,
          glued: false,
        });
      index += phrase.words.length - 1;
    }
  }
  return out;
}

/** All in capitals, or Every Word With One: then capitals say nothing. */
function isShouted(pieces: readonly Piece[]): boolean {
  const words = pieces.filter(({ kind, text }) => kind === "word" && /\p{Lu}|\p{Ll}/u.test(text));
  const capital = words.filter(({ text }) => isCapital(text)).length;
  const upper = words.filter(({ text }) => isUpper(text)).length;
  if (words.length <= 2) return false;
  // A title has capitals also on the words that hold a sentence together.
  const holding = words.filter(({ lower, first }) => !first && FUNCTION_WORDS.has(lower) && lower !== "i");
  const titled = holding.length > 0 && holding.every(({ text }) => isCapital(text)) && capital > words.length * 0.8;
  return upper > words.length * 0.6 || titled;
}

function isCapital(text: string): boolean {
  return /^\p{Lu}/u.test(text);
}

function isUpper(text: string): boolean {
  return text.length > 1 && /\p{Lu}/u.test(text) && !/\p{Ll}/u.test(text);
}

/** Words to tokens: numbers written in words, ordinals and Roman numerals become numbers. */
function numbered(pieces: readonly Piece[], shouted: boolean): readonly Token[] {
  const tokens: Token[] = [];
  let index = 0;
  while (index < pieces.length) {
    const piece = pieces[index] as Piece;
    const number = piece.kind === "mark" ? undefined : numberAt(pieces, index);
    if (number !== undefined) {
      tokens.push({ kind: "number", text: piece.text, lower: number.value, name: false, content: false, light: false });
      index += number.width;
      continue;
    }
    tokens.push(
      piece.kind === "word"
        ? wordToken(piece, shouted, pieces[index + 1])
        : { kind: piece.kind, text: piece.text, lower: piece.lower, name: false, content: false, light: false },
    );
    index += 1;
  }
  return tokens;
}

function wordToken({ text, lower, first }: Piece, shouted: boolean, next: Piece | undefined): Token {
  // "Rename a to b": an article stands before what it belongs to.
  const variable = lower === "a" && (next === undefined || (FUNCTION_WORDS.has(next.lower) && next.lower !== "a"));
  const mixed = /\p{Ll}\p{Lu}|\p{L}\p{Nd}/u.test(text);
  const name = mixed || (!shouted && lower !== "i" && (isUpper(text) || (isCapital(text) && !first)));
  const holds = (FUNCTION_WORDS.has(lower) || FILLERS.has(lower)) && !variable;
  const light = LIGHT_WORDS.has(lower);
  return {
    kind: "word",
    text,
    lower,
    name,
    light,
    content: !light && ((name && isUpper(text)) || (!holds && !formsOf(lower).some((form) => FILLERS.has(form)))),
  };
}

interface Found {
  readonly value: string;
  readonly width: number;
}

function numberAt(pieces: readonly Piece[], at: number): Found | undefined {
  const piece = pieces[at] as Piece;
  const next = pieces[at + 1];
  if (piece.kind === "number") {
    const { lower } = piece;
    if (next?.glued === true && /^(?:st|nd|rd|th)$/u.test(next.lower))
      return { value: ordinal(lower, pieces, at, 2), width: 2 };
    if (next?.glued === true && next.lower === "k" && /^\d+(?:\.\d+)?$/u.test(lower))
      return { value: shifted(lower, 3), width: 2 };
    const scale = scaleOf(next);
    if (scale !== undefined && /^\d+(?:\.\d+)?$/u.test(lower)) return { value: shifted(lower, scale), width: 2 };
    return { value: lower, width: 1 };
  }
  return inWords(pieces, at) ?? ordinalWord(pieces, at) ?? roman(pieces, at);
}

function scaleOf(piece: Piece | undefined): number | undefined {
  return piece !== undefined && Object.hasOwn(SCALES, piece.lower) ? SCALES[piece.lower] : undefined;
}

function smallOf(piece: Piece | undefined): number | undefined {
  return piece !== undefined && Object.hasOwn(SMALL_NUMBERS, piece.lower) ? SMALL_NUMBERS[piece.lower] : undefined;
}

/** Two hundred and five thousand. */
function inWords(pieces: readonly Piece[], at: number): Found | undefined {
  let index = at;
  let total = 0;
  let group = 0;
  let last: "none" | "ten" | "unit" | "scale" = "none";
  if (pieces[at]?.lower === "a" && scaleOf(pieces[at + 1]) !== undefined) {
    index += 1;
    group = 1;
    last = "unit";
  }
  for (; index < pieces.length; index += 1) {
    const piece = pieces[index] as Piece;
    const small = smallOf(piece);
    const scale = scaleOf(piece);
    if (small !== undefined && (last === "none" || last === "scale" || (last === "ten" && small < 10 && small > 0))) {
      group += small;
      last = small >= 20 ? "ten" : "unit";
    } else if (scale === 2 && last !== "none" && last !== "scale") {
      group *= 100;
      last = "scale";
    } else if (scale !== undefined && scale > 2 && last !== "none" && group > 0) {
      total += group * 10 ** scale;
      group = 0;
      last = "scale";
    } else if (piece.lower === "and" && last === "scale" && smallOf(pieces[index + 1]) !== undefined) continue;
    else if (piece.lower === "dozen" && last === "unit") {
      group *= 12;
      last = "scale";
    } else break;
  }
  if (last === "none") return undefined;
  // A last word that ends as an ordinal: twenty-first.
  const end = pieces[index];
  if (
    last === "ten" &&
    end !== undefined &&
    Object.hasOwn(ORDINALS, end.lower) &&
    (ORDINALS[end.lower] as number) < 10
  ) {
    const value = String(total + group + (ORDINALS[end.lower] as number));
    return { value: ordinal(value, pieces, at, index + 1 - at), width: index + 1 - at };
  }
  // "one" alone is a pronoun as often as a number: the rule decides. In "chapter one" it is a number.
  if (index === at + 1 && pieces[at]?.lower === "one")
    return { value: isNumbered(pieces[at - 1]) ? "1" : "one", width: 1 };
  return { value: String(total + group), width: index - at };
}

function ordinalWord(pieces: readonly Piece[], at: number): Found | undefined {
  const { lower } = pieces[at] as Piece;
  if (!Object.hasOwn(ORDINALS, lower)) return undefined;
  // A second, per second: the unit.
  if (
    lower === "second" &&
    (/^(?:a|per|each|every|one)$/u.test(pieces[at - 1]?.lower ?? "") || pieces[at - 1]?.kind === "number")
  )
    return undefined;
  return { value: ordinal(String(ORDINALS[lower]), pieces, at, 1), width: 1 };
}

/** The fourth of July is the same as July 4; elsewhere the third is not three. */
function ordinal(digits: string, pieces: readonly Piece[], at: number, width: number): string {
  const near = [
    pieces[at - 1],
    pieces[at + width],
    pieces[at + width]?.lower === "of" ? pieces[at + width + 1] : undefined,
  ];
  const isDay = near.some((piece) => piece !== undefined && CALENDAR.has(piece.lower) && piece.lower.length > 2);
  return isDay ? digits : `${digits}.`;
}

function roman(pieces: readonly Piece[], at: number): Found | undefined {
  const { text, lower } = pieces[at] as Piece;
  if (lower.length > 7 || !/^[ivx]/u.test(lower)) return undefined;
  const value = romanValue(lower);
  if (value === undefined) return undefined;
  const follows = isNumbered(pieces[at - 1]);
  const sure = lower.length > 1 && (isUpper(text) || /^(?:ii|iii|vii|viii|xii)$/u.test(lower));
  return follows || sure ? { value: String(value), width: 1 } : undefined;
}

/** Is it something of which there are several, by numbers: a chapter, a phase? */
function isNumbered(piece: Piece | undefined): boolean {
  return piece !== undefined && (NUMBERED.has(piece.lower) || piece.lower === "ww");
}

const SCRIPTS = [
  "Latin",
  "Cyrillic",
  "Greek",
  "Han",
  "Hiragana",
  "Katakana",
  "Hangul",
  "Arabic",
  "Hebrew",
  "Devanagari",
  "Thai",
  "Bengali",
  "Tamil",
  "Armenian",
  "Georgian",
];
const SCRIPT_TESTS = SCRIPTS.map((name) => [name, new RegExp(String.raw`[\p{Script=${name}}&&\p{L}]`, "v")] as const);

function scriptsOf(text: string): string {
  if (isAscii(text)) return /[a-z]/iu.test(text) ? "Latin" : "";
  return SCRIPT_TESTS.filter(([, test]) => test.test(text))
    .map(([name]) => name)
    .join(" ");
}

/** Common in English and rare as words of other languages. */
const ENGLISH = new Set(
  "the of and to is are was what how does do did my your you it this that with for from can should would will which who when where why write explain give list tell show me i not or make create please using between".split(
    " ",
  ),
);

function isEnglish(tokens: readonly Token[]): boolean {
  const words = tokens.filter(({ kind }) => kind === "word");
  if (words.length <= 2) return words.every(({ lower }) => /^[a-z]*$/u.test(lower));
  const known = words.filter(({ lower }) => ENGLISH.has(lower)).length;
  const foreign = words.filter(({ lower }) => /[^\p{ASCII}\p{Script=Latin}]/u.test(lower)).length;
  return foreign * 3 < words.length && (known > 0 || words.length < 5);
}
