import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { chart } from "./chart.ts";
import { QUICK, type Effort } from "./harness.ts";
import { machine } from "./machine.ts";
import { escaped, markdown } from "./print.ts";
import type { GroupReport } from "./run-groups.ts";
import type { Bar, Verdict } from "./table.ts";

/** A load that leaves a core to what is measured. */
const IDLE = 0.7;

/** Writes `RESULTS.md` and `chart.svg` into a folder. */
export async function writeResults(
  folder: string,
  reports: readonly GroupReport[],
  effort: Effort,
  load: number,
): Promise<void> {
  await writeFile(join(folder, "RESULTS.md"), documentOf(reports, effort, load));
  const bars = reports.flatMap(({ tables }) => tables.flatMap((table): readonly Bar[] => table.bars ?? []));
  if (bars.length > 0) await writeFile(join(folder, "chart.svg"), chart(bars));
}

/** `load` is what the machine had to do at the beginning: processes that were running or waiting. */
export function documentOf(reports: readonly GroupReport[], effort: Effort, load: number): string {
  const verdicts = reports.flatMap(({ tables }) => tables.flatMap((table) => table.verdicts ?? []));
  const minutes = (reports.reduce((sum, { seconds }) => sum + seconds, 0) / 60).toFixed(0);
  const parts = [
    "# Figures",
    `Written by \`npm run bench${effort === QUICK ? " -- --quick" : ""}\` on ${new Date().toISOString().slice(0, 10)}, in one run of ${minutes} minutes. ${machine()}.`,
    `Contenders of a table take turns in ${effort.rounds} rounds of ${effort.roundMs} ms each, with the same inputs (fixed seeds). µs are medians; × is the median of the rounds' ratios to the first contender. Each group of tables runs in a process of its own.`,
    effort === QUICK ? "**A quick run: it shows that everything runs, its figures say nothing.**" : "",
    load > IDLE
      ? `**Other work ran on the machine (load ${load.toFixed(1)} at the beginning): figures are too high.**`
      : "",
    "![Time per hit](chart.svg)",
    `## Targets`,
    `${verdicts.filter(({ met }) => met).length} of ${verdicts.length} met.`,
    targetsOf(verdicts),
    ...reports.flatMap(({ name, tables, failure }) => [
      `## ${name}`,
      ...tables.map(markdown),
      ...(failure === undefined ? [] : [`**Did not come to its end:** ${escaped(reasonOf(failure))}`]),
    ]),
  ];
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

/** The message of an error without its stack, and without paths of this machine. */
function reasonOf(failure: string): string {
  const lines = failure.split("\n");
  const message = lines.find((line) => /^\w*Error\b/u.test(line)) ?? lines.at(-1) ?? "";
  return message.replaceAll(join(import.meta.dirname, "../../.."), ".");
}

function targetsOf(verdicts: readonly Verdict[]): string {
  const lines = verdicts.map(({ of, figure, target, met, whyMissed }) => [
    of,
    figure,
    target,
    met ? "met" : `**missed.** ${whyMissed ?? ""}`.trim(),
  ]);
  return [["", "measured", "target", ""], ["---", "---:", "---:", "---"], ...lines]
    .map((cells) => `| ${cells.map(escaped).join(" | ")} |`)
    .join("\n");
}
