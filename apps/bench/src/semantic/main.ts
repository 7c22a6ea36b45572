import { parseArgs } from "node:util";
import type { Embedder } from "@llmcache/core";
import { embedder } from "@llmcache/embeddings";
import { calibrate, Guard, judge } from "@llmcache/similarity";
import { gloveEmbedder } from "./glove-embedder.ts";
import { lexicalEmbedder } from "./lexical-embedder.ts";
import { generatedPairs, sharedPairs } from "./pairs.ts";
import { report } from "./report.ts";

/** Those that run offline; `glove` is fetched the first time, so it takes part only when it is asked for. */
const EMBEDDERS: Readonly<Record<string, () => Embedder | Promise<Embedder>>> = {
  lexical: lexicalEmbedder,
  "use-lite": () => embedder("use-lite", { from: import.meta.url }),
  glove: gloveEmbedder,
};

const { values } = parseArgs({
  options: { quick: { type: "boolean" }, only: { type: "string" }, glove: { type: "boolean" } },
});
const names = Object.keys(EMBEDDERS).filter((name) =>
  values.only === undefined ? name !== "glove" || values.glove === true : name === values.only,
);
if (names.length === 0)
  throw new Error(`--only takes one of ${Object.keys(EMBEDDERS).join(", ")}, not ${JSON.stringify(values.only)}.`);

// Every tenth of the pairs tells whether the program runs, and nothing else.
const each = values.quick === true ? 100 : 1000;
const development = generatedPairs("development", 300);
const reported = generatedPairs("reported", each);
const shared = sharedPairs();
const guard = new Guard();

const started = performance.now();
for (const { a, b } of reported) guard.refusal(a, b);
console.log(`Node ${process.version} on ${process.platform} ${process.arch}`);
console.log(
  `guard: ${((performance.now() - started) / reported.length).toFixed(3)} ms a pair   target 0.300 ms ${performance.now() - started <= 0.3 * reported.length ? "met" : "MISSED"}\n`,
);

for (const name of names) {
  const model = await (EMBEDDERS[name] as () => Embedder | Promise<Embedder>)();
  // Rules were looked at with the development half; what is printed is of the other, whose sentences and words are others.
  const calibration = await calibrate(development, model, { falseHitRate: 0.01, guard });
  console.log(`${report(`${model.id}, generated pairs`, await judge(reported, model, { guard }), calibration)}\n`);
  console.log(
    `${report(`${model.id}, similar-prompts.jsonl (looked at while the rules were written)`, await judge(shared, model, { guard }), calibration)}\n`,
  );
  await (model as Partial<AsyncDisposable>)[Symbol.asyncDispose]?.();
}
