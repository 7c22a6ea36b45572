import { test } from "vitest";
import { expectReadmeToRun } from "../../testing/test/readme-example.ts";

test.each(["memory", "disk"])("the example in the README of %s runs", (name) => {
  expectReadmeToRun(new URL(`../../${name}/`, import.meta.url));
});
