import { expect, test } from "vitest";
import { exampleRunner } from "./example.ts";

const run = exampleRunner();

test("the first run asks once for each question, the second not at all", async () => {
  const first = await run("langchain.ts");
  const second = await run("langchain.ts");
  expect(first).toEqual([
    "invoke: answer 1 to: Name a prime number.",
    "again: answer 1 to: Name a prime number., usage kept",
    "as a stream: answer 2 to: Name a prime number.",
    "its own seed: answer 3 to: Name a prime number.",
    "a graph: 4 messages",
    "vectors: 3",
    "requests to the model: 6",
  ]);
  expect(second).toEqual([...first.slice(0, -1), "requests to the model: 0"]);
});
