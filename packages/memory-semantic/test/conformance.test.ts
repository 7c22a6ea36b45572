import { describe, expect, test } from "vitest";
import { storeChecks } from "@llmcache/core/conformance";
import { MemorySemanticStore } from "@llmcache/memory-semantic";
import { anyAbove, WordEmbedder } from "./stage.ts";

describe("keeps the contract", () => {
  const maxEntryBytes = 1024 * 1024;
  const make = ({ clock }: { readonly clock: () => number }): MemorySemanticStore =>
    new MemorySemanticStore({ embedder: new WordEmbedder(), policy: anyAbove(0.9), clock, maxEntryBytes });
  const checks = storeChecks(make, { maxEntryBytes, sibling: (_, context) => make(context), similar: true });
  for (const check of checks) test.skipIf(check.skip !== undefined)(check.name, check.run);

  test("all of it but persistence", () => {
    expect(checks.filter(({ skip }) => skip !== undefined).map(({ skip }) => skip)).toEqual(
      expect.arrayContaining(["the option reopen is not given"]),
    );
    expect(checks.find(({ name }) => name.includes("similar"))?.skip).toBeUndefined();
  });
});
