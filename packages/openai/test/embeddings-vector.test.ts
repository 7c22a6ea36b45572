import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { base64Text, isPacked, numbersText, packBase64, packNumbers } from "../src/embeddings-vector.ts";

const RUNS = process.env["LLMCACHE_TEST_FULL"] === "1" ? 100_000 : 1000;

/** As a float32 is written in the fewest digits that tell it from all others. */
function shortest(float: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const number = Number(float.toPrecision(digits));
    if (Math.fround(number) === float) return number;
  }
  return Number(float.toPrecision(9));
}

const float32 = fc.float({ noNaN: true, noDefaultInfinity: true });
const unit = fc.float({ min: -1, max: 1, noNaN: true });

describe("a vector in numbers", () => {
  test.each([
    ["float32s", "float32", fc.array(float32, { minLength: 1 })],
    ["rounded float32s", undefined, fc.array(unit.map(shortest), { minLength: 1 })],
    ["doubles", undefined, fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1 })],
    ["whole numbers", undefined, fc.array(fc.integer(), { minLength: 1 })],
    [
      "few decimals",
      undefined,
      fc.array(
        fc.integer({ min: -999_999, max: 999_999 }).map((n) => n / 1e6),
        { minLength: 1 },
      ),
    ],
  ])("%s come back as they were", (_name, form, numbers) => {
    fc.assert(
      fc.property(numbers, (list) => {
        const packed = packNumbers(list);
        if (packed === undefined) throw new Error("not packed");
        if (form !== undefined) expect(packed.form).toBe(form);
        expect(isPacked(packed.form, packed.bytes)).toBe(true);
        expect(JSON.parse(numbersText(packed))).toStrictEqual(list);
      }),
      { numRuns: RUNS },
    );
  });

  test.each([
    ["float32s", [0.5, -0.25, 0], "float32", 12],
    ["float32s to the last digit", [0.10000000149011612], "float32", 4],
    ["float32s in few digits", [0.0123456789, 0.1].map(Math.fround).map(shortest), "decimal", 10],
    ["what no float32 is", [0.1 + 2 ** -50], "float64", 8],
    ["one that is none among many", [0.5, 0.1 + 2 ** -50], "float64", 16],
    ["minus nothing", [-0, 0], "float32", 8],
    ["large ones", [1e300], "float64", 8],
    ["tiny ones", [5e-324], "float64", 8],
  ])("takes as little room as it can: %s", (_name, numbers, form, size) => {
    const packed = packNumbers(numbers);
    expect([packed?.form, packed?.bytes.byteLength]).toEqual([form, size]);
    expect(JSON.parse(numbersText(packed as NonNullable<typeof packed>))).toStrictEqual(numbers);
  });

  test("is base64 where it is float32s, and only then", () => {
    expect(base64Text(packNumbers([0.5]) as never)).toBe("AAAAPw==");
    expect(base64Text(packNumbers([0.1]) as never)).toBeUndefined();
    expect(base64Text(packNumbers([0.1 + 2 ** -50]) as never)).toBeUndefined();
  });

  test.each([[[]], [["1"]], [[1, null]], [[[1]]]])("is none: %j", (list) => {
    expect(packNumbers(list)).toBeUndefined();
  });
});

describe("a vector in base64", () => {
  test("comes back as it was, and its numbers are those that the SDK reads", () => {
    fc.assert(
      fc.property(fc.array(float32, { minLength: 1 }), (list) => {
        const text = Buffer.from(Float32Array.from(list).buffer).toString("base64");
        const packed = packBase64(text);
        if (packed === undefined) throw new Error("not packed");
        expect(base64Text(packed)).toBe(text);
        expect(JSON.parse(numbersText(packed))).toStrictEqual([...list]);
      }),
      { numRuns: RUNS },
    );
  });

  test.each([
    ["nothing", ""],
    ["no four bytes each", "AAAA"],
    ["no base64", "hello!=="],
    ["base64 that would be written otherwise", "AAAAPx=="],
    ["without its padding", "AAAAPw"],
    ["not a number", Buffer.from(Float32Array.of(Number.NaN).buffer).toString("base64")],
    ["infinity", Buffer.from(Float32Array.of(1, Number.POSITIVE_INFINITY).buffer).toString("base64")],
  ])("is none: %s", (_name, text) => {
    expect(packBase64(text)).toBeUndefined();
  });
});

test("bytes that cannot be a vector are none", () => {
  for (const [form, size] of [
    ["float32", 6],
    ["decimal", 4],
    ["float64", 12],
    ["float32", 0],
    ["text", 4],
    ["toString", 4],
    [undefined, 4],
  ])
    expect(isPacked(form, new Uint8Array(size as number))).toBe(false);
});
