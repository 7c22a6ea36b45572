import { afterEach, describe, expect, it, vi } from "vitest";
import { FaultyStore } from "../src/conformance.ts";
import { MapStore, type Json } from "../src/index.ts";
import { all, answering, Provider, refusal, request, stage, type Staged } from "./stage.ts";

const LEASE_MS = 3000;

afterEach(() => void vi.useRealTimers());

/** Caches as in several processes: they share nothing but the store, and the clock. */
function processes(count: number, store = new MapStore()): Staged[] {
  vi.useFakeTimers({ now: 1_800_000_000_000 });
  return Array.from({ length: count }, () => stage({ store, leaseMs: LEASE_MS, clock: Date.now }));
}

/** Lets so much time pass, with all that happens in it. */
async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

describe("leases", () => {
  it("twenty processes that ask the same thing make one call, also one that takes longer than the lease", async () => {
    const staged = processes(20);
    const provider = new Provider<Json>();
    const calls = staged.map(({ cache }) => cache.through(request(), provider.produce));
    await pass(LEASE_MS * 5);
    expect(provider.count).toBe(1);
    provider.last.answer("the answer");
    await pass(1000);
    const outcomes = await Promise.all(calls);
    expect(outcomes.map(({ value }) => value)).toEqual(Array.from({ length: 20 }, () => "the answer"));
    expect(outcomes.map(({ status }) => status).sort()).toEqual([...Array.from({ length: 19 }, () => "hit"), "miss"]);
    expect(provider.count).toBe(1);
    await Promise.all(staged.map(({ cache }) => cache.settled()));
    for (const { cache } of staged) await cache[Symbol.asyncDispose]();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("are given back: the next miss waits for nobody", async () => {
    const [a, b] = processes(2);
    await a!.cache.through(request(), answering(1));
    await a!.cache.settled();
    await a!.cache.delete(request());
    const produce = answering(2);
    expect((await b!.cache.through(request(), produce)).value).toBe(2);
  });

  it("of a holder who crashed hold others up for one lease, and then one of them asks", async () => {
    const shared = new MapStore();
    const others = processes(3, shared);
    const store = new FaultyStore(shared);
    const crashed = stage({ store, leaseMs: LEASE_MS, clock: Date.now });
    void crashed.cache.through(request(), () => new Promise(() => undefined));
    await pass(0);
    // He renews it no more.
    store.fail();
    const provider = new Provider<Json>();
    const calls = others.map(({ cache }) => cache.through(request(), provider.produce));
    await pass(LEASE_MS - 100);
    expect(provider.count).toBe(0);
    await pass(1000);
    expect(provider.count).toBe(1);
    provider.last.answer("yes");
    await pass(1000);
    expect((await Promise.all(calls)).map(({ value }) => value)).toEqual(["yes", "yes", "yes"]);
    expect(provider.count).toBe(1);
  });

  it("after an answer that is not stored nobody waits: the others ask at once, all of them", async () => {
    const staged = processes(5);
    const provider = new Provider<Json>();
    const calls = staged.map(({ cache }) => cache.through(request(), provider.produce, { judge: () => "pass" }));
    await pass(2000);
    expect(provider.count).toBe(1);
    provider.last.answer("refused");
    await pass(600);
    expect(provider.count).toBe(5);
    for (const call of provider.calls) call.answer("refused");
    await Promise.all(calls);
    await Promise.all(staged.map(({ cache }) => cache.settled()));
  });

  it("after a failure the others ask for themselves", async () => {
    const [a, b] = processes(2);
    const provider = new Provider<Json>();
    const failing = refusal(a!.cache.through(request(), provider.produce), "down");
    await pass(0);
    const waiting = b!.cache.through(request(), provider.produce);
    await pass(500);
    expect(provider.count).toBe(1);
    provider.last.fail(new Error("down"));
    await failing;
    await pass(600);
    expect(provider.count).toBe(2);
    provider.last.answer("up");
    expect((await waiting).value).toBe("up");
  });

  it("one who waits can be aborted, and leaves nothing behind", async () => {
    const [a, b] = processes(2);
    const provider = new Provider<Json>();
    const asking = a!.cache.through(request(), provider.produce);
    await pass(0);
    const controller = new AbortController();
    const waiting = refusal(b!.cache.through(request(), provider.produce, { signal: controller.signal }), "enough");
    await pass(300);
    controller.abort(new Error("enough"));
    await waiting;
    await pass(1000);
    expect(b!.cache.inFlight).toBe(0);
    provider.last.answer(1);
    await asking;
    await pass(0);
    await a!.cache.settled();
    await a!.cache[Symbol.asyncDispose]();
    await b!.cache[Symbol.asyncDispose]();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("a store that fails costs nothing but the saving", async () => {
    const store = new FaultyStore(new MapStore());
    const own = stage({ store, leaseMs: LEASE_MS });
    store.fail("add");
    const produce = answering("yes");
    expect(await own.cache.through(request(), produce)).toMatchObject({ status: "miss", value: "yes" });
    expect(own.events).toContainEqual(expect.objectContaining({ type: "failure", during: "lease" }));
    await own.cache.settled();
    expect((await own.cache.through(request(), produce)).status).toBe("hit");
  });

  it("are not taken by calls that share nothing, and are no entries to anybody", async () => {
    const [a] = processes(1);
    const provider = new Provider<Json>();
    for (const control of [{ noCache: true }, { noStore: true }, { ttl: 0 }]) {
      const store = new FaultyStore(new MapStore());
      const own = stage({ store, leaseMs: LEASE_MS });
      await own.cache.through(request(), answering(), control);
      expect(store.calls.add).toBe(0);
    }
    const asking = a!.cache.through(request(), provider.produce);
    await pass(0);
    expect(await all(a!.store.entries!())).toEqual([]);
    provider.last.answer(1);
    await asking;
  });

  it("a stream is asked for by one, and replayed to the others", async () => {
    const staged = processes(3);
    let runs = 0;
    const gate = Promise.withResolvers<void>();
    const produce = async function* () {
      runs++;
      yield "a";
      await gate.promise;
      yield "b";
    };
    const options = {
      encode: (chunks: readonly string[]) => [...chunks],
      decode: (body: { json(): Json }) => body.json() as string[],
    };
    const reading = staged.map(async ({ cache }) => all((await cache.stream(request(), produce, options)).value));
    await pass(LEASE_MS * 2);
    gate.resolve();
    await pass(1000);
    expect(await Promise.all(reading)).toEqual([
      ["a", "b"],
      ["a", "b"],
      ["a", "b"],
    ]);
    expect(runs).toBe(1);
  });

  it("one process refreshes an expired answer, the others serve it", async () => {
    const store = new MapStore();
    vi.useFakeTimers({ now: 1_800_000_000_000 });
    const control = { ttl: 60, staleWhileRevalidate: 60 };
    const staged = Array.from({ length: 4 }, () => stage({ store, leaseMs: LEASE_MS, clock: Date.now, control }));
    await staged[0]!.cache.set(request(), "old");
    await pass(70_000);
    const provider = new Provider<Json>();
    const outcomes = await Promise.all(staged.map(({ cache }) => cache.through(request(), provider.produce)));
    expect(outcomes.map(({ status }) => status)).toEqual(["stale", "stale", "stale", "stale"]);
    await pass(100);
    expect(provider.count).toBe(1);
    provider.last.answer("new");
    await pass(100);
    expect((await staged[3]!.cache.through(request(), provider.produce)).value).toBe("new");
  });

  it("leaseMs must be above 0", () => {
    expect(() => stage({ leaseMs: 0 })).toThrow(/leaseMs/);
  });
});
