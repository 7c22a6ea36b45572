const DIGIT = /\p{Nd}/u;
const known = new Map<number, number>();

/**
 * What a decimal digit of any script stands for. Unicode keeps the ten of a script together in their order, so it is the place in
 * a run of digits that begins with a zero.
 */
function digitValue(codePoint: number): number {
  if (codePoint >= 0x30 && codePoint <= 0x39) return codePoint - 0x30;
  const remembered = known.get(codePoint);
  if (remembered !== undefined) return remembered;
  let start = codePoint;
  while (start > 0 && DIGIT.test(String.fromCodePoint(start - 1))) start -= 1;
  const value = (codePoint - start) % 10;
  known.set(codePoint, value);
  return value;
}

export function isAscii(text: string): boolean {
  return !/[^\p{ASCII}]/u.test(text);
}

/** A text with the digits of every script as those of ASCII. */
export function asciiDigits(text: string): string {
  if (isAscii(text)) return text;
  return text.replace(/\p{Nd}/gu, (digit) => String(digitValue(digit.codePointAt(0) as number)));
}

/** A number as it is written, in ASCII digits, without the separators of thousands. Versions, decimals and zeros in front stay. */
export function plainNumeral(written: string): string {
  return /^\d{1,3}(?:[,'’]\d{3})+(?:\.\d+)?$/u.test(written) ? written.replace(/[,'’]/gu, "") : written;
}

/** `digits` times ten to the power of `zeros`, digits with or without a decimal point. */
export function shifted(digits: string, zeros: number): string {
  const [whole = "", fraction = ""] = digits.split(".");
  const moved = fraction.padEnd(zeros, "0");
  const rest = moved.slice(zeros).replace(/0+$/u, "");
  const value = (whole + moved.slice(0, zeros)).replace(/^0+(?=\d)/u, "");
  return rest === "" ? value : `${value}.${rest}`;
}

const ROMAN = /^(?=[ivx])(x{0,3})(ix|iv|v?i{0,3})$/u;
const ROMAN_DIGITS: Readonly<Record<string, number>> = { i: 1, v: 5, x: 10 };

/** The value of a Roman numeral up to 39, in lower case. */
export function romanValue(text: string): number | undefined {
  if (!ROMAN.test(text)) return undefined;
  let value = 0;
  for (let index = 0; index < text.length; index += 1) {
    const digit = ROMAN_DIGITS[text[index] as string] as number;
    value += digit < (ROMAN_DIGITS[text[index + 1] ?? ""] ?? 0) ? -digit : digit;
  }
  return value;
}
