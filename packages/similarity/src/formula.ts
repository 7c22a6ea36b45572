/** Before an operator: a variable (also with a factor, as in `3x`), a number, what ends with a bracket. */
const BEFORE = String.raw`(?<=(?<![\p{L}_])\p{L}|\p{Nd}|[\)\]])`;
/** Behind it. */
const BEHIND = String.raw`(?=\p{L}(?![\p{L}_])|\p{Nd}|[\(\[])`;
const LETTER_BEFORE = String.raw`(?<=(?<![\p{L}\p{N}_])\p{L})`;
const LETTER_BEHIND = String.raw`(?=\p{L}(?![\p{L}\p{N}_]))`;

/**
 * What makes a text a formula. A hyphen or a slash between numbers, or between a letter and a number, alone does not: `5-10` minutes, 24/7, B-52.
 */
const FORMULA = new RegExp(
  [
    String.raw`${BEFORE} ?[=+*^<>×÷] ?[\-−]?${BEHIND}`,
    String.raw`${BEFORE} \/ ${BEHIND}`,
    String.raw`${LETTER_BEFORE} ?[\-−\/] ?${LETTER_BEHIND}`,
    String.raw`(?<=[\)\]]) ?[\-−\/] ?${BEHIND}`,
    String.raw`${BEFORE} ?[\-−\/] ?(?=[\(\[])`,
  ].join("|"),
  "v",
);
/** Brackets and operators: where a bracket stands among them is what it does. */
const PARTS = new RegExp(String.raw`[\(\)\[\]\{\}=+*^<>×÷]|${BEFORE} ?[\-−\/] ?${BEHIND}`, "gv");
/** Before an operand ("is !done set", "is -x positive", `ls -l`), or behind a capital ("blood of type A-"): operators wherever they stand. */
const SIGNS = new RegExp(
  [
    String.raw`(?<=^|[ \(=&\|])!(?=[\p{L}_\(])`,
    String.raw`(?<=^|[ \(=<>+*\/^])[\-−](?=\p{L}(?!\p{L}))`,
    String.raw`(?<=(?<![\p{L}\p{N}_])(?:\p{Lu}|AB))[\-−+](?=$|[ .,;?!\)])`,
  ].join("|"),
  "gv",
);

/** Operators that are punctuation elsewhere (`-`, `/`, `!`, brackets), in their order. Linear in the length. */
export function operatorsIn(source: string): readonly string[] {
  const text = source.replace(/\s+/gu, " ");
  const parts = FORMULA.test(text) ? found(text, PARTS) : [];
  return [...parts, ...found(text, SIGNS)];
}

function found(text: string, pattern: RegExp): readonly string[] {
  return [...text.matchAll(pattern)].map(([part]) => part.trim().replace("−", "-"));
}
