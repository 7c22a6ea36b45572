import { expect, test } from "vitest";
import { chart } from "../src/chart.ts";
import { FULL, measure, type Suite } from "../src/harness.ts";
import { plainText } from "../src/print.ts";
import { documentOf } from "../src/results.ts";
import type { Table, Verdict } from "../src/table.ts";

const verdict = (over: Partial<Verdict>): Verdict => ({
  of: "a hit",
  figure: "0.50×",
  target: "≤ 0.80×",
  met: true,
  ...over,
});
const report = (over: Partial<Table>, failure?: string): Parameters<typeof documentOf>[0][number] => ({
  name: "memory",
  tables: [{ title: "hits", columns: ["", "µs"], rows: [["Map | by hand", "1.00"]], ...over }],
  failure,
  seconds: 90,
});

test("the document has the command, the machine without its name, every table, and each target with its figure", () => {
  const text = documentOf([report({ verdicts: [verdict({})] })], FULL, 0);
  expect(text).toContain("`npm run bench`");
  expect(text).toMatch(/cores, \d+ GB of memory; Node 2\d/u);
  expect(text).toContain("### hits\n\n|  | µs |\n| --- | ---: |\n| Map \\| by hand | 1.00 |");
  expect(text).toContain("1 of 1 met");
  expect(text).toContain("| a hit | 0.50× | ≤ 0.80× | met |");
});

test("a missed target says why, a met one does not", () => {
  const whyMissed = "The bytes have to be copied.";
  const text = documentOf(
    [report({ verdicts: [verdict({ figure: "0.90×", met: false, whyMissed }), verdict({ of: "a miss", whyMissed })] })],
    FULL,
    0,
  );
  expect(text).toContain("1 of 2 met");
  expect(text).toContain(`| a hit | 0.90× | ≤ 0.80× | **missed.** ${whyMissed} |`);
  expect(text).toContain("| a miss | 0.50× | ≤ 0.80× | met |");
});

test("the document says when the machine had other work to do", () => {
  expect(documentOf([report({})], FULL, 0.2)).not.toContain("Other work");
  expect(documentOf([report({})], FULL, 8)).toContain("Other work ran on the machine (load 8.0");
});

test("a group that failed is said to have failed, beside what it had", () => {
  const text = documentOf(
    [report({}, "file:///home/me/x.ts:1\n\nTypeError: no such thing\n    at /home/me/x.ts")],
    FULL,
    0,
  );
  expect(text).toContain("### hits");
  expect(text).not.toContain("/home/me");
  expect(text).toContain("**Did not come to its end:** TypeError: no such thing\n");
});

test("columns of numbers stand to the right, all others to the left", () => {
  const text = plainText({
    title: "t",
    columns: ["", "µs", "target"],
    rows: [
      ["a", "1,000", "0.80 met"],
      ["bb", "2.50", ""],
    ],
  });
  expect(text.split("\n").slice(1, 4)).toEqual(["         µs  target", "  a   1,000  0.80 met", "  bb   2.50"]);
});

test("the chart has a bar for each, the shortest first, in a text that a browser reads", () => {
  const svg = chart([
    { name: "slow & <big>", microseconds: 100, kind: "ours" },
    { name: "fast", microseconds: 2, kind: "copies" },
  ]);
  expect(svg.indexOf("fast")).toBeLessThan(svg.indexOf("slow"));
  expect(svg).toContain("slow &amp; &lt;big>");
  const widths = [...svg.matchAll(/<rect x="290" y="\d+" width="([\d.]+)" height="14"/gu)].map(([, width]) =>
    Number(width),
  );
  expect(widths).toHaveLength(2);
  expect(widths[1]).toBeGreaterThan(widths[0]!);
});

test("contenders take turns, and ratios are to the first", async () => {
  const turns: string[] = [];
  const contender = (name: string): Suite["contenders"][number] => ({
    name,
    run: () => void turns.push(name),
  });
  const [first, second] = await measure(
    { title: "", contenders: [contender("a"), contender("b")], targets: { b: { atMost: 2, whyMissed: "w" } } },
    { rounds: 3, roundMs: 0, warmUpMs: 0 },
  );
  expect(turns.slice(-6)).toEqual(["a", "b", "a", "b", "a", "b"]);
  expect(first?.ratio).toBe(1);
  expect(second?.target).toEqual({ atMost: 2, whyMissed: "w" });
});
