import { parseArgs } from "node:util";
import { FULL, measure, QUICK, type Result, type Suite } from "./harness.ts";
import { keys } from "./keys.ts";
import { openAIHits, openAIStreamHits } from "./openai-hits.ts";
import { diskHits, memoryHits } from "./store-hits.ts";

/** Every suite; `npm run bench -- --only disk` takes those whose title has the word. */
const SUITES: readonly (() => Suite | Promise<Suite>)[] = [
  () => keys(512),
  () => keys(512, true),
  () => keys(4096),
  () => keys(24_576),
  () => keys(81_920),
  memoryHits,
  diskHits,
  openAIHits,
  openAIStreamHits,
];

const { values } = parseArgs({ options: { quick: { type: "boolean" }, only: { type: "string" } } });
const effort = values.quick === true ? QUICK : FULL;

console.log(
  `Node ${process.version} on ${process.platform} ${process.arch}; medians of ${effort.rounds} interleaved rounds; ratios to the first line of each table\n`,
);
for (const open of SUITES) {
  const suite = await open();
  try {
    if (values.only !== undefined && !suite.title.includes(values.only)) continue;
    print(suite.title, await measure(suite, effort));
  } finally {
    await suite.close?.();
  }
}

function print(title: string, results: readonly Result[]): void {
  console.log(title);
  const width = Math.max(...results.map(({ name }) => name.length));
  for (const { name, microseconds, ratio, target } of results) {
    const aim = target === undefined ? "" : `   target ${target.toFixed(2)}× ${ratio <= target ? "met" : "MISSED"}`;
    console.log(
      `  ${name.padEnd(width)} ${microseconds.toFixed(2).padStart(9)} µs ${ratio.toFixed(2).padStart(6)}×${aim}`,
    );
  }
  console.log("");
}
