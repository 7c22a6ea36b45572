import { opposed, type Comparison } from "./comparison.ts";
import type { Reading } from "./reading.ts";
import { sameWord, type Token } from "./token.ts";
import { FUNCTION_WORDS } from "./words/function-words.ts";
import { NEGATIVE_PREFIXES, NEGATORS, NOT_IN_ENGLISH, STOPPING } from "./words/negation.ts";

const SUBJECTS = new Set(
  "i you he she it we they my your his her its our their the a an this that these those there".split(" "),
);
const AUXILIARY = /^(?:is|are|was|were|am|do|does|did|can|could|should|would|will|has|have|had|must|may|might)$/u;

/** Negators of a text, and the next word with content after each. */
export interface Negation {
  readonly word: string;
  readonly target: Token | undefined;
}

export function negationsIn({ tokens, english }: Reading): readonly Negation[] {
  return tokens.flatMap((token, index) => {
    const { lower, kind } = token;
    if (kind !== "word") return [];
    const next = tokens[index + 1];
    const negates =
      (NEGATORS.has(lower) &&
        !(english && NOT_IN_ENGLISH.has(lower)) &&
        !(lower === "no" && next?.kind === "number" && next.lower !== "one")) ||
      (STOPPING.has(lower) && next !== undefined && next.lower.length > 5 && next.lower.endsWith("ing"));
    if (!negates) return [];
    // "Why isn't my code working": turned round for the question, it denies the whole.
    const whole = next !== undefined && SUBJECTS.has(next.lower) && AUXILIARY.test(tokens[index - 1]?.lower ?? "");
    const target = whole
      ? undefined
      : tokens.slice(index + 1, index + 8).find((later) => later.kind === "word" && !FUNCTION_WORDS.has(later.lower));
    return [{ word: lower, target }];
  });
}

/** A word on one side and its opposite on the other. */
export interface Flip {
  readonly a: Token;
  readonly b: Token;
  readonly kind: "antonym" | "prefix";
}

/** Opposites among the words that have no counterpart, each word once. */
export function flipsOf({ onlyA, onlyB }: Comparison): readonly Flip[] {
  const flips: Flip[] = [];
  const rest = [...onlyB];
  for (const a of onlyA) {
    const at = rest.findIndex((b) => opposed(a.lower, b.lower) || prefixed(a.lower, b.lower));
    if (at < 0) continue;
    const b = rest[at] as Token;
    rest.splice(at, 1);
    flips.push({ a, b, kind: prefixed(a.lower, b.lower) ? "prefix" : "antonym" });
  }
  return flips;
}

/** Is one the other with a prefix that denies it, or are they a pair of -ful and -less? */
export function prefixed(a: string, b: string): boolean {
  if (suffixed(a, b) || suffixed(b, a)) return true;
  const [short, long] = a.length < b.length ? [a, b] : [b, a];
  if (short.length < 3 || long.length - short.length > 6) return false;
  return NEGATIVE_PREFIXES.some(
    (prefix) =>
      long.startsWith(prefix) && long.length > prefix.length + 2 && sameWord(long.slice(prefix.length), short),
  );
}

function suffixed(a: string, b: string): boolean {
  return a.endsWith("less") && a.length > 6 && (b === `${a.slice(0, -4)}ful` || sameWord(b, a.slice(0, -4)));
}

const DEGREES = new Set(["more", "less"]);

/** What is left of opposites and negators when those that cancel are gone: "less impatient" is "more patient", "not odd" is "even". */
export interface Polarity {
  readonly antonyms: readonly Flip[];
  readonly negatorsA: readonly string[];
  readonly negatorsB: readonly string[];
  /** Words of either side that made up for each other. */
  readonly cancelled: ReadonlySet<Token>;
}

const polarities = new WeakMap<Comparison, Polarity>();

export function polarityOf(texts: Comparison): Polarity {
  let polarity = polarities.get(texts);
  if (polarity === undefined) {
    polarity = weigh(texts);
    polarities.set(texts, polarity);
  }
  return polarity;
}

/** Words with content that have no counterpart and did not cancel. */
export function leftOver(texts: Comparison): { readonly leftA: readonly Token[]; readonly leftB: readonly Token[] } {
  const { cancelled } = polarityOf(texts);
  const left = (tokens: readonly Token[]) =>
    tokens.filter((token) => (token.content || token.light) && !cancelled.has(token));
  const [leftA, leftB] = [left(texts.onlyA), left(texts.onlyB)];
  // A light word alone is nothing; two of them on two sides are different words.
  const plain = (tokens: readonly Token[]) => tokens.filter(({ light }) => !light);
  return leftA.length > 0 && leftB.length > 0 ? { leftA, leftB } : { leftA: plain(leftA), leftB: plain(leftB) };
}

function weigh(texts: Comparison): Polarity {
  const negationsA = [...negationsIn(texts.a)];
  const negationsB = [...negationsIn(texts.b)];
  const all = flipsOf(texts);
  let flips = all;
  // "not perfect" and "imperfect"; "not odd" and "even".
  flips = flips.filter(({ a, b }) => {
    const negation = takeNegating(negationsA, a, negationsB) ?? takeNegating(negationsB, b, negationsA);
    return negation === undefined;
  });
  const degree = flips.find(({ a, b }) => DEGREES.has(a.lower) && DEGREES.has(b.lower));
  if (degree !== undefined) {
    const [nextA, nextB] = [after(texts.a, degree.a), after(texts.b, degree.b)];
    const other = flips.find(({ a, b }) => a === nextA && b === nextB);
    const cancels =
      other !== undefined ||
      (nextA !== undefined &&
        nextB !== undefined &&
        (prefixed(nextA.lower, nextB.lower) || opposed(nextA.lower, nextB.lower)));
    if (cancels) flips = flips.filter((flip) => flip !== degree && flip !== other);
  }
  const cancelled = new Set(all.filter((flip) => !flips.includes(flip)).flatMap(({ a, b }) => [a, b]));
  return {
    cancelled,
    antonyms: flips,
    negatorsA: negationsA.map(({ word }) => word),
    negatorsB: negationsB.map(({ word }) => word),
  };
}

/** Takes a negation of this word away, unless the other side negates as much. */
function takeNegating(from: Negation[], target: Token, others: readonly Negation[]): Negation | undefined {
  if (from.length <= others.length) return undefined;
  const at = from.findIndex((negation) => negation.target === target);
  return at < 0 ? undefined : from.splice(at, 1)[0];
}

function after({ tokens }: Reading, token: Token): Token | undefined {
  return tokens[tokens.indexOf(token) + 1];
}
