import { measure, type Effort, type Result, type Suite } from "./harness.ts";

/** What a benchmark found. JSON: it goes from process to process. */
export interface Table {
  readonly title: string;
  /** Of the first column and of those to the right of it. */
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** What one has to know to read it. */
  readonly notes?: readonly string[];
  readonly verdicts?: readonly Verdict[];
  readonly bars?: readonly Bar[];
}

/** A target beside what was measured. */
export interface Verdict {
  /** What it is about. */
  readonly of: string;
  /** As measured. */
  readonly figure: string;
  readonly target: string;
  readonly met: boolean;
  readonly whyMissed?: string | undefined;
}

/** For the chart. */
export interface Bar {
  readonly name: string;
  readonly microseconds: number;
  /** `shared`: every caller gets the same object, which costs nothing and is not safe. */
  readonly kind: "ours" | "copies" | "shared";
}

/** One line for each contender. */
export async function suiteTable(suite: Suite, effort: Effort): Promise<Table> {
  const results = await measure(suite, effort);
  return {
    title: suite.title,
    columns: ["", "µs", "×", "target"],
    rows: results.map(({ name, microseconds, ratio, target }) => [
      name,
      micro(microseconds),
      times(ratio),
      target === undefined ? "" : aim(ratio, target.atMost),
    ]),
    verdicts: verdictsOf(suite.title, results),
  };
}

/** A suite that is one line of a table, opened when its turn comes. */
export interface Case {
  readonly name: string;
  open(): Suite | Promise<Suite>;
}

/** One line for each case, with the same contenders in all of them: their times, and their ratios to the first. */
export async function caseTable(
  title: string,
  cases: readonly Case[],
  effort: Effort,
  notes?: readonly string[],
): Promise<Table> {
  const rows: string[][] = [];
  const verdicts: Verdict[] = [];
  let columns: readonly string[] = [];
  for (const each of cases) {
    const { name } = each;
    const suite = await each.open();
    try {
      const [first, ...others] = await measure(suite, effort);
      columns = ["", `${first!.name}, µs`, ...others.flatMap((other) => [`${other.name}, µs`, "×"])];
      rows.push([
        name,
        micro(first!.microseconds),
        ...others.flatMap(({ microseconds, ratio }) => [micro(microseconds), times(ratio)]),
      ]);
      verdicts.push(...verdictsOf(`${title}: ${name}`, others));
    } finally {
      await suite.close?.();
    }
  }
  return { title, columns, rows, verdicts, ...(notes === undefined ? {} : { notes }) };
}

export function micro(microseconds: number): string {
  return microseconds < 100 ? microseconds.toFixed(2) : Math.round(microseconds).toLocaleString("en");
}

export function times(ratio: number): string {
  return ratio.toFixed(2);
}

function aim(ratio: number, atMost: number): string {
  return `${times(atMost)} ${ratio <= atMost ? "met" : "MISSED"}`;
}

function verdictsOf(of: string, results: readonly Result[]): Verdict[] {
  return results.flatMap(({ name, ratio, target }) =>
    target === undefined
      ? []
      : [
          {
            of: `${of}: ${name}`,
            figure: `${times(ratio)}×`,
            target: `≤ ${times(target.atMost)}×`,
            met: ratio <= target.atMost,
            whyMissed: target.whyMissed,
          },
        ],
  );
}
