import { describe, expect, it } from "vitest";
import type { CacheControl, Json } from "../src/index.ts";
import { all, answering, Provider, refusal, request, stage, turn, type Staged } from "./stage.ts";

const SWR: CacheControl = { ttl: 60, staleWhileRevalidate: 30 };
const SIE: CacheControl = { ttl: 60, staleIfError: 30 };

async function filled(control: CacheControl, value: Json = "old"): Promise<Staged> {
  const own = stage({ control });
  await own.cache.through(request(), async () => value);
  await own.cache.settled();
  return own;
}

describe("staleWhileRevalidate", () => {
  it("serves an expired answer at once and refreshes it once for all who ask", async () => {
    const own = await filled(SWR);
    const provider = new Provider<Json>();
    own.clock.pass(70_000);
    const first = await own.cache.through(request(), provider.produce);
    expect(first).toMatchObject({ status: "stale", value: "old", ageMs: 70_000 });
    const others = await Promise.all(Array.from({ length: 20 }, () => own.cache.through(request(), provider.produce)));
    expect(others.every(({ status, value }) => status === "stale" && value === "old")).toBe(true);
    await turn();
    expect(provider.count).toBe(1);
    provider.last.answer("new");
    await own.cache.settled();
    expect(await own.cache.through(request(), provider.produce)).toMatchObject({ status: "hit", value: "new" });
    expect(own.cache.stats()).toMatchObject({ stale: 21, misses: 1, hits: 1 });
    expect(own.events.filter(({ type }) => type === "miss").at(-1)).toMatchObject({
      reason: "refresh",
      answer: "stored",
    });
    expect(own.cache.inFlight).toBe(0);
  });

  it("ends when its time is up: then the call waits for the provider", async () => {
    const own = await filled(SWR);
    const produce = answering("new");
    own.clock.pass(90_000);
    expect(await own.cache.through(request(), produce)).toMatchObject({ status: "miss", value: "new" });
  });

  it("does not widen what sMaxAge accepts", async () => {
    const own = await filled(SWR);
    own.clock.pass(70_000);
    const produce = answering("new");
    expect((await own.cache.through(request(), produce, { sMaxAge: 65 })).status).toBe("miss");
    await own.cache.settled();
    expect(await own.cache.through(request(), produce)).toMatchObject({ status: "hit", value: "new" });
  });

  it("lets those who want a fresh answer join the refresh", async () => {
    const own = await filled(SWR);
    const provider = new Provider<Json>();
    own.clock.pass(70_000);
    await own.cache.through(request(), provider.produce);
    const fresh = own.cache.through(request(), provider.produce, { staleWhileRevalidate: 0 });
    await turn();
    provider.last.answer("new");
    expect(await fresh).toMatchObject({ status: "joined", value: "new" });
    expect(provider.count).toBe(1);
  });

  it("waits for a refresh that is under way when the old answer has become too old", async () => {
    const own = await filled(SWR);
    const provider = new Provider<Json>();
    own.clock.pass(70_000);
    await own.cache.through(request(), provider.produce);
    own.clock.pass(30_000);
    const late = own.cache.through(request(), provider.produce);
    await turn();
    provider.last.answer("new");
    expect(await late).toMatchObject({ status: "joined", value: "new" });
    expect(provider.count).toBe(1);
  });

  it("refreshes whatever becomes of the caller, and fails quietly; the next one tries again", async () => {
    const own = await filled(SWR);
    const provider = new Provider<Json>();
    const controller = new AbortController();
    own.clock.pass(70_000);
    await own.cache.through(request(), provider.abortable, { signal: controller.signal });
    await turn();
    controller.abort(new Error("gone"));
    expect(provider.last.run.signal.aborted).toBe(false);
    provider.last.fail(new Error("overloaded"));
    await own.cache.settled();
    expect(own.events).toContainEqual(expect.objectContaining({ type: "failure", during: "produce" }));
    expect((await own.cache.through(request(), provider.produce)).status).toBe("stale");
    await turn();
    expect(provider.count).toBe(2);
    provider.last.answer("new");
    await own.cache.settled();
    expect((await own.cache.through(request(), provider.produce)).value).toBe("new");
  });

  it("asks nobody under onlyIfCached, and is no use to a call that stores nothing", async () => {
    const own = await filled(SWR);
    const produce = answering("new");
    own.clock.pass(70_000);
    expect((await own.cache.through(request(), produce, { onlyIfCached: true })).status).toBe("stale");
    await own.cache.settled();
    expect(produce.count).toBe(0);
    expect(await own.cache.through(request(), produce, { noStore: true })).toMatchObject({ status: "miss" });
    expect(await own.cache.get(request())).toMatchObject({ status: "stale", value: "old" });
  });

  it("is not stopped by a deletion: what comes back is not stored then", async () => {
    const own = await filled(SWR);
    const provider = new Provider<Json>();
    own.clock.pass(70_000);
    await own.cache.through(request(), provider.produce);
    await turn();
    await own.cache.delete(request());
    provider.last.answer("new");
    await own.cache.settled();
    expect(await own.cache.get(request())).toBeUndefined();
  });

  it("serves each item of a list, and refreshes all expired ones in one call", async () => {
    const own = stage({ control: SWR });
    const list = ["a", "b", "c"].map((prompt) => request(prompt));
    const ask = (mark: string, asked: number[][]) =>
      own.cache.throughMany(list, async (missing) => {
        asked.push([...missing]);
        return missing.map((at) => `${mark}${at}`);
      });
    const asked: number[][] = [];
    await ask("old", asked);
    await own.cache.settled();
    own.clock.pass(70_000);
    const [, b] = list;
    await own.cache.set(b!, "fresh");
    const outcomes = await ask("new", asked);
    expect(outcomes.map(({ status, value }) => [status, value])).toEqual([
      ["stale", "old0"],
      ["hit", "fresh"],
      ["stale", "old2"],
    ]);
    await own.cache.settled();
    expect(asked).toEqual([
      [0, 1, 2],
      [0, 2],
    ]);
    expect((await ask("never", asked)).map(({ value }) => value)).toEqual(["new0", "fresh", "new2"]);
    expect(own.cache.inFlight).toBe(0);
  });

  it("serves the items of a list while others refresh them", async () => {
    const own = await filled(SWR);
    own.clock.pass(70_000);
    const provider = new Provider<Json>();
    await own.cache.through(request(), provider.produce);
    const list = await own.cache.throughMany<Json>([request()], async () => Promise.reject(new Error("not asked")));
    expect(list[0]).toMatchObject({ status: "stale", value: "old" });
    await turn();
    expect(provider.count).toBe(1);
    provider.last.answer("new");
    await own.cache.settled();
  });

  it("replays an expired stream and records a new one that nobody reads", async () => {
    const own = stage({ control: SWR });
    const options = {
      encode: (chunks: readonly string[]) => [...chunks],
      decode: (body: { json(): Json }) => body.json() as string[],
    };
    let mark = "old";
    let runs = 0;
    const produce = async function* () {
      runs++;
      for (let i = 0; i < 100; i++) yield `${mark}${i}`;
    };
    await all((await own.cache.stream(request(), produce, options)).value);
    await own.cache.settled();
    own.clock.pass(70_000);
    mark = "new";
    const stale = await own.cache.stream(request(), produce, options);
    expect(stale.status).toBe("stale");
    expect((await all(stale.value))[0]).toBe("old0");
    await own.cache.settled();
    const fresh = await own.cache.stream(request(), produce, options);
    expect(fresh.status).toBe("hit");
    expect((await all(fresh.value)).at(-1)).toBe("new99");
    expect(runs).toBe(2);
  });
});

describe("staleIfError", () => {
  const broken = async (): Promise<never> => {
    throw new Error("529 overloaded");
  };

  it("serves an expired answer where the provider throws, and asks it each time", async () => {
    const own = await filled(SIE);
    own.clock.pass(70_000);
    expect(await own.cache.through<Json>(request(), broken)).toMatchObject({ status: "stale", value: "old" });
    expect(own.events).toContainEqual(expect.objectContaining({ type: "failure", during: "produce" }));
    expect(await own.cache.through<Json>(request(), async () => "new")).toMatchObject({ status: "miss", value: "new" });
  });

  it("or where the answer is judged a failure", async () => {
    const own = await filled(SIE, { status: 200 });
    own.clock.pass(70_000);
    const judge = (value: Json): "store" | "fail" => ((value as { status: number }).status === 200 ? "store" : "fail");
    const outcome = await own.cache.through<Json>(request(), async () => ({ status: 503 }), { judge });
    expect(outcome).toMatchObject({ status: "stale", value: { status: 200 } });
    own.clock.pass(20_000);
    expect((await own.cache.through<Json>(request(), async () => ({ status: 503 }), { judge })).value).toEqual({
      status: 503,
    });
  });

  it("or where the caller's time is up, but not where he has gone", async () => {
    const own = await filled(SIE);
    own.clock.pass(70_000);
    const provider = new Provider<Json>();
    const timeout = new AbortController();
    const late = own.cache.through(request(), provider.abortable, { signal: timeout.signal });
    await turn();
    timeout.abort(new DOMException("too slow", "TimeoutError"));
    expect(await late).toMatchObject({ status: "stale", value: "old" });
    const gone = new AbortController();
    const left = refusal(own.cache.through(request(), provider.abortable, { signal: gone.signal }), "left");
    await turn();
    gone.abort(new Error("left"));
    await left;
  });

  it("serves those who joined by their own controls", async () => {
    const own = await filled(SIE);
    own.clock.pass(70_000);
    const provider = new Provider<Json>();
    const calls = [
      own.cache.through(request(), provider.produce),
      own.cache.through(request(), provider.produce),
      own.cache.through(request(), provider.produce, { staleIfError: 0 }),
    ];
    const refused = refusal(calls[2]!, "down");
    await turn();
    provider.last.fail(new Error("down"));
    expect((await calls[0]!).status).toBe("stale");
    expect((await calls[1]!).status).toBe("stale");
    await refused;
    expect(provider.count).toBe(1);
  });

  it("ends when its time is up, is bound to sMaxAge, and reads nothing under noCache", async () => {
    const own = await filled(SIE);
    own.clock.pass(70_000);
    await refusal(own.cache.through(request(), broken, { sMaxAge: 65 }), "529");
    await refusal(own.cache.through(request(), broken, { noCache: true }), "529");
    own.clock.pass(20_000);
    await refusal(own.cache.through(request(), broken), "529");
  });

  it("serves nothing that was invalidated", async () => {
    const own = stage({ control: { ...SIE, staleWhileRevalidate: 10, tags: ["t"] } });
    await own.cache.through(request(), async () => "old");
    await own.cache.settled();
    own.clock.pass(65_000);
    await own.cache.invalidate({ tags: ["t"] });
    await refusal(own.cache.through(request(), broken), "529");
  });

  it("serves items of a list; one that has nothing fails the call", async () => {
    const own = stage({ control: SIE });
    const list = [request("a"), request("b")];
    await own.cache.throughMany(list, async (missing) => missing.map((at) => `old${at}`));
    await own.cache.settled();
    own.clock.pass(70_000);
    const outcomes = await own.cache.throughMany<string>(list, broken);
    expect(outcomes.map(({ status, value }) => [status, value])).toEqual([
      ["stale", "old0"],
      ["stale", "old1"],
    ]);
    await refusal(own.cache.throughMany<string>([...list, request("c")], broken), "529");
    expect(own.cache.inFlight).toBe(0);
  });

  it("replays an expired stream where the new one fails before its first chunk, or begins with a failure", async () => {
    const own = stage({ control: SIE });
    const options = {
      encode: (chunks: readonly string[]) => [...chunks],
      decode: (body: { json(): Json }) => body.json() as string[],
      isFailure: (first: string) => first === "503",
    };
    const produce = async function* (): AsyncGenerator<string> {
      yield* ["a", "b"];
    };
    await all((await own.cache.stream(request(), produce, options)).value);
    await own.cache.settled();
    own.clock.pass(70_000);
    const failing = async function* (): AsyncGenerator<string> {
      yield await Promise.reject(new Error("529"));
    };
    const first = await own.cache.stream(request(), failing, options);
    expect([first.status, await all(first.value)]).toEqual(["stale", ["a", "b"]]);
    const telling = async function* (): AsyncGenerator<string> {
      yield* ["503", "sorry"];
    };
    const second = await own.cache.stream(request(), telling, options);
    expect([second.status, await all(second.value)]).toEqual(["stale", ["a", "b"]]);
    const breaking = async function* (): AsyncGenerator<string> {
      yield "a";
      throw new Error("cut");
    };
    const third = await own.cache.stream(request(), breaking, options);
    await refusal(all(third.value), "cut");
    await own.cache.settled();
    expect(own.cache.inFlight).toBe(0);
    // With nothing stored the failure is the caller's.
    const none = await own.cache.stream(request("else"), failing, options);
    await refusal(all(none.value), "529");
  });
});
