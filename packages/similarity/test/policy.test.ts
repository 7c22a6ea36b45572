import { expect, test } from "vitest";
import { cosine, defaultThreshold, Guard, SimilarityPolicy } from "../src/index.ts";

const texts = { asked: "How do I enable dark mode?", stored: "How do I disable dark mode?", embedder: "e" };
const alike = { asked: "Please list 3 fruits", stored: "List three fruits", embedder: "e" };

test("the threshold is inclusive", () => {
  const policy = new SimilarityPolicy({ threshold: 0.9 });
  expect(policy.decide({ ...alike, similarity: 0.9 })).toEqual({ serve: true, reason: "alike" });
  expect(policy.decide({ ...alike, similarity: 0.8999 })).toEqual({ serve: false, reason: "below threshold" });
});

test("a similarity out of its bounds is clamped, and one that is no number is below", () => {
  expect(new SimilarityPolicy({ threshold: 1 }).decide({ ...alike, similarity: 1.0000001 }).serve).toBe(true);
  expect(new SimilarityPolicy({ threshold: 0 }).decide({ ...alike, similarity: -0.2 }).serve).toBe(true);
  expect(new SimilarityPolicy({ threshold: 0 }).decide({ ...alike, similarity: Number.NaN }).reason).toBe(
    "below threshold",
  );
});

test("the guard is on, and names the rule", () => {
  const decision = new SimilarityPolicy({ threshold: 0.5 }).decide({ ...texts, similarity: 1 });
  expect(decision).toEqual({ serve: false, reason: "antonym", difference: expect.stringContaining("enable") });
  expect(new SimilarityPolicy({ threshold: 0.5, guard: true }).decide({ ...texts, similarity: 1 }).serve).toBe(false);
});

test("the guard can be switched off, given rules, or shared", () => {
  expect(new SimilarityPolicy({ threshold: 0.5, guard: false }).decide({ ...texts, similarity: 1 }).serve).toBe(true);
  expect(new SimilarityPolicy({ threshold: 0.5, guard: { rules: [] } }).decide({ ...texts, similarity: 1 }).serve).toBe(
    true,
  );
  expect(new SimilarityPolicy({ threshold: 0.5, guard: new Guard() }).decide({ ...texts, similarity: 1 }).serve).toBe(
    false,
  );
});

test.each([undefined, -0.1, 1.1, Number.NaN, "0.9"])(
  "a threshold of %s is refused, with the way to find one",
  (threshold) => {
    expect(() => new SimilarityPolicy({ threshold: threshold as number })).toThrow(
      /threshold must be a number from 0 to 1 \(`calibrate`/u,
    );
  },
);

test("without options the error is the same; a wrong guard is named", () => {
  expect(() => new SimilarityPolicy(undefined as never)).toThrow(/calibrate/u);
  expect(() => new SimilarityPolicy({ threshold: 1, guard: "on" as never })).toThrow(/guard must be true, false or/u);
});

test("cosine is clamped to 0 … 1 and 0 for what cannot be compared", () => {
  const vector = (...values: number[]) => Float32Array.from(values);
  expect(cosine(vector(1, 0), vector(2, 0))).toBe(1);
  expect(cosine(vector(1, 0), vector(-1, 0))).toBe(0);
  expect(cosine(vector(1, 0), vector(1, 1))).toBeCloseTo(Math.SQRT1_2);
  expect(cosine(vector(1, 0), vector(1))).toBe(0);
  expect(cosine(vector(0, 0), vector(1, 0))).toBe(0);
  expect(cosine(vector(Number.NaN, 0), vector(1, 0))).toBe(0);
});

test("a threshold to begin with is there for embedders that were measured, and a policy takes it", () => {
  const measured = defaultThreshold("use-lite");
  expect(measured?.figures).toMatch(/false hits 0 of 6,503/u);
  expect(new SimilarityPolicy({ threshold: measured?.threshold as number }).threshold).toBe(0.9);
  expect(defaultThreshold("text-embedding-3-small")).toBeUndefined();
});
