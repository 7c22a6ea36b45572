import { describe, expect, it } from "vitest";
import { LLMCache } from "../src/index.ts";
import {
  abortListeners,
  all,
  answering,
  GatedStore,
  Provider,
  refusal,
  request,
  stage,
  stored,
  timers,
  turn,
} from "./stage.ts";

describe("identical calls under way", () => {
  it("are one call of the provider, however many there are", async () => {
    const own = stage();
    const provider = new Provider();
    const outcomes = Array.from({ length: 1000 }, () => own.cache.through(request(), provider.produce));
    await turn();
    expect(provider.count).toBe(1);
    provider.last.answer({ text: "scattering" });
    const all = await Promise.all(outcomes);
    expect(all.map(({ value }) => value)).toEqual(Array.from({ length: 1000 }, () => ({ text: "scattering" })));
    expect(all.filter(({ status }) => status === "miss")).toHaveLength(1);
    expect(all.filter(({ status }) => status === "joined")).toHaveLength(999);
    await own.cache.settled();
    expect(own.cache.inFlight).toBe(0);
    expect(own.cache.stats()).toMatchObject({ misses: 1, joined: 999, stores: 1, inFlight: 0 });
  });

  it("is registered before the call returns, not a moment later", () => {
    const own = stage();
    void own.cache.through(request(), () => new Promise(() => undefined));
    expect(own.cache.inFlight).toBe(1);
    void own.cache.through(request(), () => new Promise(() => undefined));
    expect(own.cache.inFlight).toBe(1);
    void own.cache.through(request("another"), () => new Promise(() => undefined));
    expect(own.cache.inFlight).toBe(2);
  });

  it("fail together: one call, a hundred rejections, nothing stored, and the next one asks again", async () => {
    const own = stage();
    const provider = new Provider();
    const failure = new Error("529 overloaded");
    const calls = Array.from({ length: 100 }, () => own.cache.through(request(), provider.produce));
    await turn();
    provider.last.fail(failure);
    const results = await Promise.allSettled(calls);
    expect(results.every((result) => result.status === "rejected" && result.reason === failure)).toBe(true);
    expect(provider.count).toBe(1);
    expect(await stored(own, request())).toBeUndefined();
    expect(own.cache.inFlight).toBe(0);
    expect((await own.cache.through(request(), answering("again"))).status).toBe("miss");
  });

  it("are not shared between two caches, though they share a store", async () => {
    const store = new GatedStore();
    const [a, b] = [new LLMCache({ store }), new LLMCache({ store })];
    const provider = new Provider();
    const both = [a.through(request(), provider.produce), b.through(request(), provider.produce)];
    await turn();
    expect(provider.count).toBe(2);
    for (const call of provider.calls) call.answer(1);
    await Promise.all(both);
  });

  it("still share the run while its answer is being written", async () => {
    const store = new GatedStore();
    const own = stage({ store });
    const gate = Promise.withResolvers<void>();
    store.before.set = () => gate.promise;
    const produce = answering("answer");
    expect((await own.cache.through(request(), produce)).status).toBe("miss");
    expect(own.cache.inFlight).toBe(1);
    const late = await own.cache.through(request(), produce);
    expect(late).toMatchObject({ status: "joined", value: "answer" });
    gate.resolve();
    await own.cache.settled();
    expect(own.cache.inFlight).toBe(0);
    expect((await own.cache.through(request(), produce)).status).toBe("hit");
    expect(produce.count).toBe(1);
  });

  it("leave nothing behind: no run, no listener, no timer", async () => {
    const own = stage();
    const before = timers();
    const controller = new AbortController();
    const { signal } = controller;
    await own.cache.through(request(), answering("a"), { signal });
    await own.cache.through(request(), answering("a"), { signal });
    const provider = new Provider();
    const joined = Array.from({ length: 50 }, () => own.cache.through(request("other"), provider.produce, { signal }));
    expect(abortListeners(signal)).toBeGreaterThan(0);
    await turn();
    provider.last.fail(new Error("no"));
    await Promise.allSettled(joined);
    await own.cache.throughMany([request("x"), request("y")], async (missing) => missing.map(String), { signal });
    await own.cache.settled();
    await turn();
    expect(abortListeners(signal)).toBe(0);
    expect(own.cache.inFlight).toBe(0);
    expect(timers()).toBe(before);
  });

  it("do not wait for themselves when a provider asks the same cache for the same thing", async () => {
    const own = stage();
    const inner = answering("inner");
    const outcome = await own.cache.through(request(), async () => {
      const nested = await own.cache.through(request(), inner);
      return `outer of ${String(nested.value)}`;
    });
    expect(outcome.value).toBe("outer of inner");
    await own.cache.settled();
    expect(own.cache.inFlight).toBe(0);
  });

  it("do not wait for themselves through a list or a stream either", async () => {
    const own = stage();
    const outcome = await own.cache.through(request(), async () => {
      const [listed] = await own.cache.throughMany([request()], async () => ["listed"]);
      const streamed = await own.cache.stream(
        request("s"),
        async function* () {
          const nested = await own.cache.through(request("s"), async () => ["nested"]);
          yield nested.value[0];
        },
        { encode: (chunks) => chunks as string[], decode: (body) => body.json() as string[] },
      );
      return [listed?.value, (await all(streamed.value))[0]];
    });
    expect(outcome.value).toEqual(["listed", "nested"]);
  });
});

describe("an abort", () => {
  it("of one who waits leaves the others alone", async () => {
    const { cache } = stage();
    const provider = new Provider();
    const controller = new AbortController();
    const [first, leaving, third] = [
      cache.through(request(), provider.abortable),
      cache.through(request(), provider.abortable, { signal: controller.signal }),
      cache.through(request(), provider.abortable),
    ];
    await turn();
    controller.abort(new Error("gone"));
    await expect(leaving).rejects.toThrow("gone");
    expect(provider.last.run.signal.aborted).toBe(false);
    provider.last.answer("kept");
    expect([(await first).value, (await third).value]).toEqual(["kept", "kept"]);
  });

  it("of the one who asked leaves the others their answer, and it is stored", async () => {
    const own = stage();
    const provider = new Provider();
    const controller = new AbortController();
    const leader = own.cache.through(request(), provider.abortable, { signal: controller.signal });
    const joiner = own.cache.through(request(), provider.abortable);
    await turn();
    controller.abort();
    await expect(leader).rejects.toThrow("aborted");
    expect(provider.last.run.signal.aborted).toBe(false);
    provider.last.answer("answer");
    expect(await joiner).toMatchObject({ status: "joined", value: "answer" });
    await own.cache.settled();
    expect((await own.cache.through(request(), provider.produce)).status).toBe("hit");
    expect(provider.count).toBe(1);
  });

  it("of the last one aborts the run, with his reason, and nothing is stored", async () => {
    const own = stage();
    const provider = new Provider();
    const [one, two] = [new AbortController(), new AbortController()];
    const calls = [one, two].map(({ signal }) => own.cache.through(request(), provider.abortable, { signal }));
    await turn();
    one.abort(new Error("first"));
    expect(provider.last.run.signal.aborted).toBe(false);
    two.abort(new Error("second"));
    expect(provider.last.run.signal.reason).toEqual(new Error("second"));
    const results = await Promise.allSettled(calls);
    expect(results.map((result) => (result as PromiseRejectedResult).reason.message)).toEqual(["first", "second"]);
    await turn();
    expect(own.cache.inFlight).toBe(0);
    expect(await stored(own, request())).toBeUndefined();
    expect(own.events.filter(({ type }) => type === "failure")).toEqual([]);
    expect(own.events).toMatchObject([{ type: "miss", answer: "aborted" }]);
  });

  it("makes a newcomer start anew: nobody joins a run that is being given up", async () => {
    const { cache } = stage();
    const provider = new Provider();
    const controller = new AbortController();
    const leader = cache.through(request(), provider.produce, { signal: controller.signal });
    await turn();
    controller.abort();
    const gone = refusal(leader, "aborted");
    const newcomer = cache.through(request(), provider.produce);
    await turn();
    expect(provider.count).toBe(2);
    provider.calls[1]?.answer("new");
    expect((await newcomer).value).toBe("new");
    provider.calls[0]?.answer("old");
    await gone;
    await cache.settled();
    expect(cache.inFlight).toBe(0);
  });

  it("before the call starts nothing", async () => {
    const { cache } = stage();
    const produce = answering();
    await expect(cache.through(request(), produce, { signal: AbortSignal.abort(new Error("early")) })).rejects.toThrow(
      "early",
    );
    expect(produce.count).toBe(0);
    expect(cache.inFlight).toBe(0);
  });

  it("while the store is read keeps the provider from being asked", async () => {
    const store = new GatedStore();
    const own = stage({ store });
    const gate = Promise.withResolvers<void>();
    store.before.get = () => gate.promise;
    const produce = answering();
    const controller = new AbortController();
    const call = own.cache.through(request(), produce, { signal: controller.signal });
    controller.abort(new Error("left"));
    await expect(call).rejects.toThrow("left");
    gate.resolve();
    await turn();
    expect(produce.count).toBe(0);
    expect(own.cache.inFlight).toBe(0);
  });

  it("of the leader while the store is read lets the others have the provider's answer", async () => {
    const store = new GatedStore();
    const own = stage({ store });
    const gate = Promise.withResolvers<void>();
    store.before.get = () => gate.promise;
    const produce = answering("answer");
    const controller = new AbortController();
    const leader = own.cache.through(request(), produce, { signal: controller.signal });
    const joiner = own.cache.through(request(), produce);
    controller.abort();
    await expect(leader).rejects.toThrow();
    gate.resolve();
    expect((await joiner).value).toBe("answer");
    expect(produce.count).toBe(1);
  });

  it("of the leader does not fail those who joined, even if his provider listened to him instead of to the run", async () => {
    const { cache } = stage();
    const controller = new AbortController();
    const produce = (asked: AbortSignal) => (): Promise<string> =>
      new Promise((resolve, reject) => {
        provider.count++;
        if (asked.aborted) return reject(asked.reason);
        asked.addEventListener("abort", () => reject(asked.reason), { once: true });
        provider.resolve = resolve;
      });
    const provider = { count: 0, resolve: (_given: string): void => undefined };
    const leader = cache.through(request(), produce(controller.signal), { signal: controller.signal });
    const never = new AbortController().signal;
    const joiners = [1, 2, 3].map(() => cache.through(request(), produce(never)));
    await turn();
    controller.abort(new Error("only mine"));
    await expect(leader).rejects.toThrow("only mine");
    await turn();
    expect(provider.count).toBe(2);
    provider.resolve("second run");
    const outcomes = await Promise.all(joiners);
    expect(outcomes.map(({ value }) => value)).toEqual(["second run", "second run", "second run"]);
  });

  it("of all does not lose an answer that the provider gives nevertheless", async () => {
    const own = stage();
    const provider = new Provider();
    const controller = new AbortController();
    const call = own.cache.through(request(), provider.produce, { signal: controller.signal });
    await turn();
    controller.abort();
    await expect(call).rejects.toThrow();
    provider.last.answer("paid for");
    await turn();
    await own.cache.settled();
    expect((await own.cache.through(request(), provider.produce)).value).toBe("paid for");
    expect(own.cache.inFlight).toBe(0);
  });

  it("after the end does nothing", async () => {
    const { cache } = stage();
    const controller = new AbortController();
    const provider = new Provider();
    const call = cache.through(request(), provider.produce, { signal: controller.signal });
    await turn();
    provider.last.answer("done");
    await call;
    controller.abort();
    expect(provider.last.run.signal.aborted).toBe(false);
  });

  it("of a thousand with one signal warns nobody", async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on("warning", onWarning);
    const { cache } = stage();
    const controller = new AbortController();
    const calls = Array.from({ length: 1000 }, (_, i) =>
      cache.through(request(i % 10), () => new Promise(() => undefined), { signal: controller.signal }),
    );
    controller.abort();
    await Promise.allSettled(calls);
    await turn();
    process.off("warning", onWarning);
    expect(warnings).toEqual([]);
    expect(cache.inFlight).toBe(0);
  });
});

describe("those who may not join", () => {
  it("ask for themselves: noCache, noStore, sMaxAge 0; and onlyIfCached does not wait", async () => {
    const { cache } = stage();
    const provider = new Provider();
    const leader = cache.through(request(), provider.produce);
    await turn();
    const apart = [{ noCache: true }, { noStore: true }, { sMaxAge: 0 }].map((control) =>
      cache.through(request(), provider.produce, control),
    );
    await turn();
    expect(provider.count).toBe(4);
    await expect(cache.through(request(), provider.produce, { onlyIfCached: true })).rejects.toMatchObject({
      code: "ERR_LLMCACHE_MISS",
    });
    provider.calls.forEach((call, index) => call.answer(index));
    expect((await leader).value).toBe(0);
    expect(new Set((await Promise.all(apart)).map(({ value }) => value))).toEqual(new Set([1, 2, 3]));
  });

  it("are not joined by others", async () => {
    const { cache } = stage();
    const provider = new Provider();
    const calls = [
      cache.through(request(), provider.produce, { noStore: true }),
      cache.through(request(), provider.produce),
    ];
    await turn();
    expect(provider.count).toBe(2);
    for (const call of provider.calls) call.answer("x");
    await Promise.all(calls);
    expect((await calls[1])?.status).toBe("miss");
  });

  it("a joiner that forbids the age of what the run hit goes on by itself, and several do so together", async () => {
    const store = new GatedStore();
    const own = stage({ store });
    await own.cache.set(request(), "old");
    own.clock.pass(10_000);
    const gate = Promise.withResolvers<void>();
    store.before.get = () => gate.promise;
    const produce = answering("new");
    const lenient = own.cache.through(request(), produce);
    const strict = Array.from({ length: 20 }, () => own.cache.through(request(), produce, { sMaxAge: 5 }));
    gate.resolve();
    expect(await lenient).toMatchObject({ status: "hit", value: "old", ageMs: 10_000 });
    const outcomes = await Promise.all(strict);
    expect(outcomes.map(({ value }) => value)).toEqual(Array(20).fill("new"));
    expect(outcomes.filter(({ status }) => status === "miss")).toHaveLength(1);
    expect(produce.count).toBe(1);
  });

  it("a joiner whose decoding refuses what the run hit or produced asks for itself", async () => {
    const { cache } = stage();
    const provider = new Provider();
    const leader = cache.through(request(), provider.produce);
    const picky = cache.through(request(), provider.produce, {
      decode: (body) => (body.json() === "for picky ones" ? "for picky ones" : undefined),
    });
    await turn();
    provider.last.answer("for all");
    await leader;
    await turn();
    expect(provider.count).toBe(2);
    provider.last.answer("for picky ones");
    expect(await picky).toMatchObject({ status: "miss", value: "for picky ones" });
  });
});

describe("results that cannot be shared", () => {
  it.each([
    ["undefined", undefined],
    ["a Date", new Date(0)],
    [
      "a class instance",
      new (class Answer {
        readonly text = "x";
      })(),
    ],
    ["something cyclic", cyclic()],
  ])("%s: every caller asks for himself and gets what he was given; nothing is stored", async (_, value) => {
    const own = stage();
    const provider = new Provider();
    const calls = [1, 2, 3].map(() => own.cache.through(request(), provider.produce));
    await turn();
    expect(provider.count).toBe(1);
    provider.last.answer(value);
    await turn();
    expect(provider.count).toBe(3);
    for (const call of provider.calls) call.answer(value);
    const outcomes = await Promise.all(calls);
    expect(
      outcomes.every((outcome) => outcome.value === value && outcome.status === "miss" && outcome.head === undefined),
    ).toBe(true);
    expect(await stored(own, request())).toBeUndefined();
    expect(own.cache.inFlight).toBe(0);
    expect(own.cache.stats().inFlight).toBe(0);
  });

  it("an encode that throws is told, and costs the caller nothing", async () => {
    const own = stage();
    const outcome = await own.cache.through(request(), async () => 1n, {
      encode: () => {
        throw new Error("cannot");
      },
    });
    expect(outcome).toMatchObject({ status: "miss", value: 1n });
    expect(own.events).toMatchObject([
      { type: "failure", during: "encode", error: new Error("cannot") },
      { type: "miss", answer: "not-stored" },
    ]);
  });

  it("without encode the event names the path", async () => {
    const own = stage();
    await own.cache.through(request(), async () => ({ choices: [{ at: new Date(0) }] }));
    expect(own.events[0]).toMatchObject({ type: "failure", during: "encode", error: { code: "ERR_LLMCACHE_VALUE" } });
    expect((own.events[0] as { error: Error }).error.message).toContain("$.choices[0].at");
  });
});

function cyclic(): object {
  const self: { self?: object } = {};
  self.self = self;
  return self;
}
