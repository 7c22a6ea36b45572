import { asciiDigits, plainNumeral } from "./digits.ts";
import { CONTRACTIONS } from "./words/forms.ts";
import { UNITS } from "./words/classes.ts";

/** A piece of text, before it is known what it means. */
export interface Piece {
  readonly kind: "word" | "number" | "mark";
  readonly text: string;
  readonly lower: string;
  /** Begins a sentence. */
  readonly first: boolean;
  /** Follows the piece before it without a gap. */
  readonly glued: boolean;
}

/** Scripts that put no spaces between words: every character is a word. */
const UNSPACED = String.raw`[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]`;
const LETTER = String.raw`[[\p{L}\p{M}\p{Nd}]--${UNSPACED}]`;
/** Every alternative begins otherwise and takes what it can without looking back: linear. */
const PIECES = new RegExp(
  [
    String.raw`(?<unspaced>${UNSPACED})`,
    String.raw`(?<initials>(?:\p{L}\.){2,})`,
    String.raw`(?<language>[cfCF](?:\+\+|#)|\.(?:NET|net)\b)`,
    String.raw`(?<word>\p{L}${LETTER}*(?:['’ʼ]\p{L}+)*(?:\.(?:js|py|ts|net|io|ai|rs|go|sh)(?![\p{L}\p{Nd}]))?)`,
    String.raw`(?<number>[\-−–]?(?:(?<![\p{L}\p{Nd}.])\.)?\p{Nd}+(?:[.,:\/'’\-]\p{Nd}+)*)`,
    String.raw`(?<other>[\p{No}\p{Nl}])`,
    String.raw`(?<unit>\p{Sc}|%|°[CFcf]?)`,
    String.raw`(?<mark>\p{Extended_Pictographic}|[=<>+*^\|~\\÷×±√∑∫≤≥≠≈→←∞&@])`,
    String.raw`(?<end>[.!?…。！？;\n])`,
  ].join("|"),
  "gv",
);
const NEGATED = /^(.+)n't$/u;
const ENDINGS: Readonly<Record<string, string>> = {
  "'re": "are",
  "'ll": "will",
  "'ve": "have",
  "'d": "would",
  "'m": "am",
};
const QUESTION_WORDS = new Set([
  "what",
  "who",
  "where",
  "when",
  "why",
  "how",
  "that",
  "there",
  "here",
  "it",
  "he",
  "she",
]);

/** Cuts a text into words, numbers and marks; contractions are written out, `$5` is read as `5 $`, digits are those of ASCII. */
export function scan(text: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let first = true;
  let end = -1;
  /** A currency before its number. */
  let pending: Piece | undefined;
  for (const match of text.matchAll(PIECES)) {
    const found = match.groups as Readonly<Record<string, string | undefined>>;
    const glued = match.index === end;
    end = match.index + match[0].length;
    const piece = (kind: Piece["kind"], written: string, lower: string) => {
      pieces.push({ kind, text: written, lower, first, glued });
      first = false;
    };
    if (found["end"] !== undefined) first = true;
    else if (found["number"] !== undefined) {
      // A minus after a word or a number is a hyphen; after an operator it is none.
      const isHyphen = glued && pieces.at(-1)?.kind !== "mark";
      const bare = found["number"].replace(/^[-−–]/u, isHyphen ? "" : "-").replace(/^-?(?=\.)/u, "$&0");
      for (const part of numerals(asciiDigits(bare))) piece("number", part, plainNumeral(part));
      if (pending !== undefined) {
        pieces.push(pending);
        pending = undefined;
      }
    } else if (found["unit"] !== undefined) {
      const name = UNITS.get(found["unit"].toLowerCase()) ?? found["unit"];
      const unit: Piece = { kind: "word", text: name, lower: name, first: false, glued };
      if (pieces.at(-1)?.kind === "number" && glued) pieces.push(unit);
      else if (/\p{Sc}/u.test(found["unit"])) pending = unit;
      else pieces.push(unit);
    } else if (found["other"] !== undefined) {
      const lower = found["other"].normalize("NFKD").replace("⁄", "/");
      piece("number", found["other"], glued ? `^${lower}` : lower);
    } else if (found["mark"] !== undefined) {
      if (found["mark"] === "&") piece("word", "and", "and");
      else piece("mark", found["mark"], found["mark"]);
    } else if (found["initials"] !== undefined) {
      const bare = found["initials"].replaceAll(".", "");
      piece("word", bare, bare.toLowerCase());
    } else if (found["language"] !== undefined) {
      const name = found["language"].toLowerCase() === ".net" ? "dotnet" : found["language"].toLowerCase();
      piece("word", found["language"], name);
    } else {
      const written = match[0];
      const lower = written.toLowerCase().replace(/[’ʼ]/gu, "'").replace(".", "");
      for (const [index, word] of writtenOut(lower).entries())
        piece("word", index === 0 ? written.slice(0, word.length) : word, word);
    }
  }
  if (pending !== undefined) pieces.push(pending);
  return pieces;
}

/** `5-10` are two numbers, `2024-12-25` is one date. */
function numerals(text: string): readonly string[] {
  if (!text.includes("-", 1) || /^\d{4}-\d{1,2}-\d{1,2}$/u.test(text)) return [text];
  const [begin = "", ...rest] = text.split(/(?<=\d)-/u);
  return [begin, ...rest];
}

function writtenOut(word: string): readonly string[] {
  const whole = CONTRACTIONS.get(word);
  if (whole !== undefined) return whole;
  if (!word.includes("'")) return [word];
  const negated = NEGATED.exec(word)?.[1];
  if (negated !== undefined) return [negated, "not"];
  const at = word.lastIndexOf("'");
  const before = word.slice(0, at);
  const ending = word.slice(at);
  if (ending === "'s") return QUESTION_WORDS.has(before) ? [before, "is"] : [before];
  const full = ENDINGS[ending];
  return full === undefined ? [word.replaceAll("'", "")] : [before, full];
}
