import { test } from "vitest";
import { expectReadmeToRun } from "../../testing/test/readme-example.ts";

test("the example in the README runs", () => {
  expectReadmeToRun(new URL("../", import.meta.url));
});
