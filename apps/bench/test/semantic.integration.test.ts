import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { PHRASES } from "../../../packages/similarity/src/words/phrases.ts";
import { DEVELOPMENT } from "../src/semantic/development-half.ts";
import { generatedPairs, sharedPairs } from "../src/semantic/pairs.ts";
import { REPORTED } from "../src/semantic/reported-half.ts";
import type { Vocabulary } from "../src/semantic/vocabulary.ts";

test("the semantic benchmark runs to its end and meets its aims", async () => {
  const main = join(import.meta.dirname, "../src/semantic/main.ts");
  const { stdout } = await promisify(execFile)(process.execPath, [
    "--conditions=@llmcache/source",
    main,
    "--quick",
    "--only",
    "lexical",
  ]);
  expect(stdout).toContain("lexical-hash, generated pairs");
  expect(stdout).toContain("similar-prompts.jsonl");
  for (const kind of ["number", "negation", "antonym"])
    expect(stdout).toMatch(new RegExp(`${kind} +\\d+ .*target 1 % met`, "u"));
  expect(stdout).toContain("target 2× met");
});

test("the halves share no pair and no sentence that matters, and are the same every time", () => {
  const reported = generatedPairs("reported");
  expect(reported).toEqual(generatedPairs("reported"));
  const development = new Set(generatedPairs("development", 300).flatMap(({ a, b }) => [a, b]));
  expect(reported.filter(({ a, b }) => development.has(a) || development.has(b))).toEqual([]);
  for (const kind of ["number", "negation", "antonym", "entity"])
    expect(reported.filter((pair) => pair.kind === kind).length).toBeGreaterThanOrEqual(1000);
  expect(sharedPairs()).toHaveLength(392);
});

type Wordings = string | readonly Wordings[];

function flat(wordings: Wordings): readonly string[] {
  return typeof wordings === "string" ? [wordings] : wordings.flatMap(flat);
}

function wordsOf(text: string): readonly string[] {
  return (
    text
      .toLowerCase()
      .replaceAll("’", "'")
      .match(/[\p{L}\p{N}'-]+/gu) ?? []
  );
}

/** Three words that follow each other, with no place to fill between them. */
function runsOf(text: string): readonly string[] {
  return text.split(/\{\w+\}|[~@#%*+]/u).flatMap((part) => {
    const all = wordsOf(part);
    return all.slice(2).map((last, index) => `${all[index]} ${all[index + 1]} ${last}`);
  });
}

test.for(Object.keys(REPORTED) as (keyof Vocabulary)[])("the halves share no wording of %s", (list) => {
  const looked = flat(DEVELOPMENT[list]);
  const wordings = new Set(
    Object.values(DEVELOPMENT)
      .flatMap(flat)
      .map((text) => wordsOf(text).join(" ")),
  );
  const runs = new Set(looked.flatMap(runsOf));
  const shared = flat(REPORTED[list]).filter((text) => {
    const words = wordsOf(text).join(" ");
    return (words !== "" && wordings.has(words)) || runsOf(text).some((run) => runs.has(run));
  });
  expect(looked).not.toEqual([]);
  expect(shared).toEqual([]);
});

test("no phrase that the guard knows stands in the ways to ask and the courtesies that are reported", () => {
  const phrases = PHRASES.map(([phrase]) => ` ${wordsOf(phrase).join(" ")} `).filter((phrase) =>
    / \S+ \S+/u.test(phrase),
  );
  const { asking, rephrased, courtesies } = REPORTED;
  const known = flat([asking, rephrased, courtesies]).filter((text) =>
    text
      .split(/\{\w+\}|[~@]/u)
      .some((part) => phrases.some((phrase) => ` ${wordsOf(part).join(" ")} `.includes(phrase))),
  );
  expect(phrases.length).toBeGreaterThan(50);
  expect(known).toEqual([]);
});
