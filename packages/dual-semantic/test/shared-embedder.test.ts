import { expect, test } from "vitest";
import { SharedEmbedder } from "../src/shared-embedder.ts";

const VECTOR = Float32Array.of(1, 0);

test("lookups under way when the embedder failed share the failure; who comes after it asks again", async () => {
  let calls = 0;
  const failed = Promise.withResolvers<void>();
  const shared = new SharedEmbedder({
    id: "e",
    dimensions: 2,
    embed: async () => {
      if (++calls === 1) throw new Error("once");
      return [VECTOR];
    },
  });
  const end = Promise.withResolvers<void>();
  const first = shared.once("text", async () => {
    await expect(shared.embed(["text"])).rejects.toThrow("once");
    await expect(shared.embed(["text"])).rejects.toThrow("once");
    failed.resolve();
    await end.promise;
  });
  await failed.promise;
  expect(calls).toBe(1);
  // The first is not over yet.
  expect(await shared.once("text", () => shared.embed(["text"]))).toEqual([VECTOR]);
  expect(calls).toBe(2);
  end.resolve();
  await first;
});
