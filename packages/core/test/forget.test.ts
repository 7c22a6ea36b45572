import { describe, expect, it } from "vitest";
import { FaultyStore } from "../src/conformance.ts";
import { MapStore, storeFrom, type Json } from "../src/index.ts";
import { answering, Provider, request, stage, turn } from "./stage.ts";

describe("forget", () => {
  it("removes what is picked by its head, tells how far it is, and spares the rest", async () => {
    const { cache, events } = stage();
    for (let i = 0; i < 250; i++) await cache.set(request(`q${i}`, { model: i % 2 === 0 ? "x" : "y" }), i);
    await cache.set(request("tagged", { model: "y" }), 1, { tags: ["t"] });
    const told: unknown[] = [];
    const result = await cache.forget({
      where: (head) => head.metadata.model === "x",
      onProgress: (progress) => told.push(progress),
    });
    expect(result).toEqual({ seen: 251, removed: 125 });
    expect(told).toEqual([
      { seen: 100, removed: expect.any(Number) },
      { seen: 200, removed: expect.any(Number) },
      result,
    ]);
    expect(await cache.get(request("q0", { model: "x" }))).toBeUndefined();
    expect(await cache.get(request("q1", { model: "y" }))).toMatchObject({ value: 1 });
    expect(await cache.get(request("tagged", { model: "y" }))).toBeDefined();
    expect(events.filter((event) => event.type === "invalidate")).toHaveLength(125);
  });

  it("what is under way is handed over and not stored", async () => {
    const { cache } = stage();
    const provider = new Provider<Json>();
    const asking = cache.through(request(), provider.produce);
    await turn();
    await cache.forget({ where: () => true });
    provider.last.answer("late");
    expect((await asking).value).toBe("late");
    await cache.settled();
    expect(await cache.get(request())).toBeUndefined();
  });

  it("ends with its signal; a store that fails, or cannot list, is an error that says so", async () => {
    const store = new FaultyStore(new MapStore());
    const { cache } = stage({ store });
    await cache.through(request(), answering());
    await cache.settled();
    const controller = new AbortController();
    controller.abort(new Error("enough"));
    await expect(cache.forget({ where: () => true, signal: controller.signal })).rejects.toThrow("enough");
    store.fail("delete", new Error("disk gone"));
    await expect(cache.forget({ where: () => true })).rejects.toMatchObject({
      code: "ERR_LLMCACHE_STORE",
      message: expect.stringContaining("disk gone"),
    });
    const blind = stage({ store: storeFrom({ get: async () => undefined, set: async () => undefined }) });
    await expect(blind.cache.forget({ where: () => true })).rejects.toMatchObject({
      code: "ERR_LLMCACHE_UNSUPPORTED",
    });
    await expect(cache.forget({} as never)).rejects.toMatchObject({ code: "ERR_LLMCACHE_OPTION" });
  });
});
