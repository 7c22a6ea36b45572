import type { Json } from "@llmcache/core";

/**
 * How a vector is stored, so that each number comes out as the double that the provider's answer was:
 * - `"float32"`: each number is one (those of base64 always are); four bytes each, little-endian;
 * - `"decimal"`: each number is a float32 rounded to so many decimals; the float32s, then a byte each for how many;
 * - `"float64"`: anything else; eight bytes each, little-endian.
 */
export type VectorForm = "float32" | "decimal" | "float64";

/** A vector in its stored form. */
export interface PackedVector {
  readonly form: VectorForm;
  readonly bytes: Uint8Array;
}

/** How many bytes a number takes. */
const SIZES: Readonly<Record<VectorForm, number>> = { float32: 4, decimal: 5, float64: 8 };

/** The powers of ten that are doubles, so that multiplying by one and dividing by one are rounded once each. */
const POWERS: readonly number[] = Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));

/** A list of numbers; `undefined` for what is none. */
export function packNumbers(list: readonly Json[]): PackedVector | undefined {
  // JSON.parse makes infinity of 1e999, which JSON cannot say.
  if (list.length === 0 || !list.every((item) => Number.isFinite(item))) return undefined;
  const numbers = list as readonly number[];
  if (numbers.every((number) => Math.fround(number) === number)) return { form: "float32", bytes: float32s(numbers) };
  const decimals = new Uint8Array(numbers.length);
  for (let index = 0; index < numbers.length; index++) {
    const count = decimalsOf(numbers[index] as number);
    if (count === undefined) return { form: "float64", bytes: float64s(numbers) };
    decimals[index] = count;
  }
  return { form: "decimal", bytes: Buffer.concat([float32s(numbers), decimals]) };
}

/** A vector as base64 of float32s; `undefined` for what is none, or cannot be written as numbers (NaN, infinity). */
export function packBase64(text: string): PackedVector | undefined {
  const bytes = Buffer.from(text, "base64");
  if (bytes.byteLength === 0 || bytes.byteLength % SIZES.float32 !== 0 || bytes.toString("base64") !== text)
    return undefined;
  return numbersOf({ form: "float32", bytes }).every(Number.isFinite) ? { form: "float32", bytes } : undefined;
}

/** Are these bytes a vector in this form? */
export function isPacked(form: unknown, bytes: Uint8Array): form is VectorForm {
  const size = typeof form === "string" && Object.hasOwn(SIZES, form) ? SIZES[form as VectorForm] : undefined;
  return size !== undefined && bytes.byteLength > 0 && bytes.byteLength % size === 0;
}

/** The vector as a JSON list of numbers. */
export function numbersText(vector: PackedVector): string {
  const numbers = numbersOf(vector);
  // JSON.stringify takes the sign off a zero.
  if (numbers.some((number) => Object.is(number, -0)))
    return `[${numbers.map((number) => (Object.is(number, -0) ? "-0" : String(number))).join(",")}]`;
  return JSON.stringify(numbers);
}

/** The vector as base64, without the quotes; `undefined` where it is not certain which float32s the provider has. */
export function base64Text({ form, bytes }: PackedVector): string | undefined {
  if (form !== "float32") return undefined;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

function numbersOf({ form, bytes }: PackedVector): readonly number[] {
  const count = bytes.byteLength / SIZES[form];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const numbers: number[] = [];
  for (let index = 0; index < count; index++) {
    if (form === "float64") numbers.push(view.getFloat64(index * SIZES.float64, true));
    else {
      const float = view.getFloat32(index * SIZES.float32, true);
      numbers.push(form === "float32" ? float : rounded(float, bytes[count * SIZES.float32 + index] as number));
    }
  }
  return numbers;
}

function float64s(numbers: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(numbers.length * SIZES.float64));
  for (let index = 0; index < numbers.length; index++)
    view.setFloat64(index * SIZES.float64, numbers[index] as number, true);
  return new Uint8Array(view.buffer);
}

function float32s(numbers: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(numbers.length * SIZES.float32));
  for (let index = 0; index < numbers.length; index++)
    view.setFloat32(index * SIZES.float32, numbers[index] as number, true);
  return new Uint8Array(view.buffer);
}

/** To how many decimals the number's float32 has to be rounded to give the number; `undefined` if none does. */
function decimalsOf(number: number): number | undefined {
  for (let decimals = 0; decimals < POWERS.length; decimals++) {
    if (rounded(number, decimals) !== number) continue;
    return Object.is(rounded(Math.fround(number), decimals), number) ? decimals : undefined;
  }
  return undefined;
}

function rounded(float: number, decimals: number): number {
  const power = POWERS[decimals] ?? Number.NaN;
  return Math.round(float * power) / power;
}
