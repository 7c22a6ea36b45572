import { expect, test } from "vitest";
import { exampleRunner } from "./example.ts";

const run = exampleRunner();

test("the first run asks once for each question, the second not at all", async () => {
  const first = await run("ai-sdk.ts");
  const second = await run("ai-sdk.ts");
  expect(first).toEqual([
    "generateText: answer 1 to: Name a prime number. (miss)",
    "streamText: answer 1 to: Name a prime number. (hit)",
    "its own seed: answer 2 to: Name a prime number. (miss)",
    "with a tool: 2 steps",
    "vectors: 3",
    "requests to the model: 5",
  ]);
  expect(second).toEqual([
    "generateText: answer 1 to: Name a prime number. (hit)",
    "streamText: answer 1 to: Name a prime number. (hit)",
    "its own seed: answer 2 to: Name a prime number. (hit)",
    "with a tool: 2 steps",
    "vectors: 3",
    "requests to the model: 0",
  ]);
});
