import { readFile } from "node:fs/promises";
import { afterEach, describe, expect, it, vi } from "vitest";
import { FaultyStore } from "../src/conformance.ts";
import { MapStore, type CacheControl, type Json } from "../src/index.ts";
import { all, answering, GatedStore, Provider, refusal, request, stage, turn, type Staged } from "./stage.ts";

const LEASE_MS = 3000;
const TAGS = { tags: ["docs"] };

afterEach(() => void vi.useRealTimers());

/** Caches as in several processes: they share nothing but the store, and the clock. */
function processes(count: number, store = new MapStore()): Staged[] {
  vi.useFakeTimers({ now: 1_800_000_000_000 });
  return Array.from({ length: count }, () => stage({ store, leaseMs: LEASE_MS, clock: Date.now }));
}

async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

/** What has become of a call by now. */
async function state(call: Promise<unknown>): Promise<"pending" | "fulfilled" | "rejected"> {
  return Promise.race([
    call.then(
      () => "fulfilled" as const,
      () => "rejected" as const,
    ),
    turn(3).then(() => "pending" as const),
  ]);
}

async function filled(control: CacheControl, value: Json = "old"): Promise<Staged> {
  const own = stage({ control });
  await own.cache.through(request(), async () => value);
  await own.cache.settled();
  return own;
}

const strings = {
  encode: (chunks: readonly string[]) => [...chunks],
  decode: (body: { json(): Json }) => body.json() as string[],
};

describe("tags", () => {
  it("an answer that was invalidated while the provider was asked is not served when it fails (staleIfError)", async () => {
    const own = stage({ control: { ttl: 60, staleIfError: 600, ...TAGS } });
    await own.cache.set(request(), "old");
    own.clock.pass(70_000);
    const provider = new Provider<Json>();
    const call = own.cache.through(request(), provider.produce);
    await turn();
    await own.cache.invalidate(TAGS);
    provider.last.fail(new Error("503"));
    await expect(call).rejects.toThrow("503");
  });

  it("the same when another process invalidated it", async () => {
    const store = new MapStore();
    const own = stage({ store, control: { ttl: 60, staleIfError: 600 } });
    await own.cache.set(request(), "old", TAGS);
    own.clock.pass(70_000);
    const provider = new Provider<Json>();
    const call = own.cache.through(request(), provider.produce, TAGS);
    await turn();
    await stage({ store }).cache.invalidate(TAGS);
    provider.last.fail(new Error("503"));
    await expect(call).rejects.toThrow("503");
  });

  it("with leases: the first answer under a new tag serves those who waited for it", async () => {
    const staged = processes(5);
    const provider = new Provider<Json>();
    const calls = staged.map(({ cache }) => cache.through(request(), provider.produce, TAGS));
    await pass(1000);
    expect(provider.count).toBe(1);
    provider.last.answer("the answer");
    await pass(2000);
    const asked = provider.count;
    for (let i = 0; i < 10; i++) {
      for (const call of provider.calls) call.answer("another");
      await pass(1000);
    }
    await Promise.all(calls);
    expect(asked).toBe(1);
  });

  it("with leases: what is invalidated while others wait is not served to them", async () => {
    const [a, b, c] = processes(3);
    await c!.cache.invalidate(TAGS);
    const provider = new Provider<Json>();
    const asking = a!.cache.through(request(), provider.produce, TAGS);
    await pass(0);
    const waiting = b!.cache.through(request(), provider.produce, TAGS);
    await pass(100);
    await c!.cache.invalidate(TAGS);
    provider.last.answer("from before");
    await asking;
    await pass(2000);
    provider.last.answer("from after");
    await pass(2000);
    expect((await waiting).value).toBe("from after");
  });

  it("with leases: a good answer of another process is not overwritten by one that nobody will be served", async () => {
    const [a, b, c] = processes(3);
    await c!.cache.invalidate(TAGS);
    const provider = new Provider<Json>();
    const asking = a!.cache.through(request(), provider.produce, TAGS);
    await pass(0);
    const waiting = b!.cache.through(request(), provider.produce, TAGS);
    await pass(100);
    await c!.cache.invalidate(TAGS);
    provider.last.answer("from before");
    await asking;
    await a!.cache.settled();
    await c!.cache.set(request(), "good", TAGS);
    await pass(2000);
    provider.last.answer("asked once more");
    await pass(2000);
    await waiting;
    await b!.cache.settled();
    expect(await c!.cache.get(request())).toBeDefined();
  });

  it("nobody joins a run that began before another process invalidated what it depends on", async () => {
    const store = new MapStore();
    const [here, there] = [stage({ store }), stage({ store })];
    const provider = new Provider<Json>();
    const early = here.cache.through(request(), provider.produce, TAGS);
    await turn();
    await there.cache.invalidate(TAGS);
    const late = here.cache.through(request(), provider.produce, TAGS);
    await turn();
    provider.calls[0]!.answer("from before");
    await early;
    await turn();
    provider.last.answer("from after");
    expect((await late).value).toBe("from after");
  });
});

/** A store whose answers come late: what it read may be gone by then. */
class SlowStore extends GatedStore {
  after: Promise<void> | undefined;
  override async get(...given: Parameters<MapStore["get"]>): ReturnType<MapStore["get"]> {
    const { after } = this;
    const hit = await super.get(...given);
    await after;
    return hit;
  }
}

describe("who begins after a deletion is not served what was deleted, by joining one who began before its end:", () => {
  const deletions = {
    delete: (own: Staged) => own.cache.delete(request()),
    clear: (own: Staged) => own.cache.clear(),
    forget: (own: Staged) => own.cache.forget({ where: () => true }),
  };
  for (const [name, drop] of Object.entries(deletions)) {
    it(name, async () => {
      const store = new SlowStore();
      const own = stage({ store });
      await own.cache.set(request(), "deleted");
      const deleting = Promise.withResolvers<void>();
      store.before[name === "clear" ? "clear" : "delete"] = () => deleting.promise;
      const dropped = drop(own);
      await turn();
      const reading = Promise.withResolvers<void>();
      store.after = reading.promise;
      const early = own.cache.through(request(), async () => "new");
      await turn();
      deleting.resolve();
      await dropped;
      const late = own.cache.through(request(), async () => "new");
      await turn();
      store.after = undefined;
      reading.resolve();
      await early;
      expect((await late).value).toBe("new");
    });
  }
});

describe("leases", () => {
  it("a provider that asks the same cache for the same thing does not wait for itself", async () => {
    const [own] = processes(1);
    const inner = answering("inner");
    const call = own!.cache.through<Json>(
      request(),
      async () => (await own!.cache.through<Json>(request(), inner)).value,
    );
    await pass(LEASE_MS * 20);
    expect(inner.count).toBe(1);
    expect((await call).value).toBe("inner");
  });

  it("of a crashed holder whose clock was an hour ahead hold nobody up for longer than a lease", async () => {
    const store = new MapStore();
    const faulty = new FaultyStore(store);
    const [other] = processes(1, store);
    const crashed = stage({ store: faulty, leaseMs: LEASE_MS, clock: () => Date.now() + 3_600_000 });
    void crashed.cache.through(request(), () => new Promise(() => undefined));
    await pass(0);
    faulty.fail();
    const produce = answering("yes");
    const call = other!.cache.through(request(), produce);
    await pass(LEASE_MS * 10);
    expect(produce.count).toBe(1);
    expect((await call).value).toBe("yes");
  });

  it("that are never to be had, in a store whose add always says no, hold nobody up for ever", async () => {
    class Full extends MapStore {
      override add = async (): Promise<boolean> => false;
    }
    const [own] = processes(1, new Full());
    const produce = answering("yes");
    const call = own!.cache.through(request(), produce);
    await pass(LEASE_MS * 20);
    expect(produce.count).toBe(1);
    await call;
  });

  it("after an answer that could not be written nobody asks one after the other", async () => {
    vi.useFakeTimers({ now: 1_800_000_000_000 });
    const store = new FaultyStore(new MapStore());
    const staged = Array.from({ length: 5 }, () => stage({ store, leaseMs: LEASE_MS, clock: Date.now }));
    store.fail("set", new Error("too large"));
    const provider = new Provider<Json>();
    const calls = staged.map(({ cache }) => cache.through(request(), provider.produce));
    await pass(2000);
    expect(provider.count).toBe(1);
    provider.last.answer("big");
    await pass(1000);
    const asked = provider.count;
    for (let i = 0; i < 10; i++) {
      for (const call of provider.calls) call.answer("big");
      await pass(1000);
    }
    await Promise.all(calls);
    expect(asked).toBe(5);
  });

  it("of a stream whose reader does not go on do not hold others up for ever", async () => {
    const [a, b] = processes(2);
    const produce = async function* (): AsyncGenerator<string> {
      for (let i = 0; i < 100; i++) yield `${i}`;
    };
    const stuck = (await a!.cache.stream(request(), produce, strings)).value;
    await stuck.next();
    await pass(0);
    const other = b!.cache.stream(request(), produce, strings);
    let answered = false;
    void other.then(() => (answered = true));
    // readerTimeoutMs is a minute.
    await pass(300_000);
    const was = answered;
    await stuck.return?.();
    await pass(5000);
    await all((await other).value);
    expect(was).toBe(true);
    await a!.cache.settled();
  });

  it("of a stream that has become too large to be stored hold nobody up until its end", async () => {
    vi.useFakeTimers({ now: 1_800_000_000_000 });
    const store = new MapStore();
    const [a, b] = Array.from({ length: 2 }, () =>
      stage({ store, leaseMs: LEASE_MS, clock: Date.now, maxStreamBytes: 100 }),
    );
    const gate = Promise.withResolvers<void>();
    let runs = 0;
    const produce = async function* (): AsyncGenerator<string> {
      runs++;
      yield "x".repeat(200);
      await gate.promise;
      yield "y";
    };
    const first = all((await a!.cache.stream(request(), produce, strings)).value);
    await pass(0);
    const second = b!.cache.stream(request(), produce, strings).then(({ value }) => all(value));
    await pass(LEASE_MS * 5);
    const before = runs;
    gate.resolve();
    await pass(5000);
    await Promise.all([first, second]);
    expect(before).toBe(2);
  });

  it("nobody waits for what began before an invalidation in the same process", async () => {
    const [own] = processes(1);
    const provider = new Provider<Json>();
    const early = own!.cache.through(request(), provider.produce, TAGS);
    await pass(0);
    await own!.cache.invalidate(TAGS);
    const late = own!.cache.through(request(), provider.produce, TAGS);
    await pass(LEASE_MS * 2);
    const asked = provider.count;
    provider.calls[0]!.answer("before");
    await early;
    await pass(2000);
    for (const call of provider.calls) call.answer("after");
    await pass(2000);
    expect((await late).value).toBe("after");
    expect(asked).toBe(2);
  });

  it("of a call that everybody has left hold nobody up, also where its provider does not heed the signal", async () => {
    const [a, b] = processes(2);
    const deaf = new Provider<Json>();
    const controller = new AbortController();
    const left = refusal(a!.cache.through(request(), deaf.produce, { signal: controller.signal }), "enough");
    await pass(0);
    controller.abort(new Error("enough"));
    await left;
    const produce = answering("yes");
    const call = b!.cache.through(request(), produce);
    await pass(LEASE_MS * 5);
    const asked = produce.count;
    deaf.last.answer("late");
    await pass(5000);
    await call;
    expect(asked).toBe(1);
  });

  it("the notes that everybody may ask do not crowd the answers out of a MapStore", async () => {
    const own = stage({ store: new MapStore({ maxEntries: 10 }), leaseMs: LEASE_MS });
    for (let i = 0; i < 10; i++) {
      await refusal(own.cache.through(request(`q${i}`), async () => Promise.reject(new Error("down"))));
      await own.cache.settled();
    }
    own.clock.pass(LEASE_MS * 100);
    const produce = answering();
    await own.cache.through(request(), produce);
    await own.cache.settled();
    expect((await own.cache.through(request(), produce)).status).toBe("hit");
  });
});

describe("a refresh that hangs", () => {
  it("does not take the key with it, once the expired answer may be served no more and who joined has given up", async () => {
    vi.useFakeTimers({ now: 1_800_000_000_000 });
    const own = stage({ clock: Date.now, control: { ttl: 60, staleWhileRevalidate: 30 } });
    await own.cache.set(request(), "old");
    await pass(70_000);
    const provider = new Provider<Json>();
    expect((await own.cache.through(request(), provider.produce)).status).toBe("stale");
    await pass(3_600_000);
    expect(provider.count).toBe(1);
    for (let i = 0; i < 3; i++) {
      const timeout = new AbortController();
      const call = refusal(own.cache.through(request(), provider.produce, { signal: timeout.signal }), "too slow");
      await pass(30_000);
      timeout.abort(new DOMException("too slow", "TimeoutError"));
      await call;
    }
    // By now the provider is well again; without a cache this call would have its answer.
    let was: unknown;
    const call = own.cache.through(request(), async () => "new").then(({ value }) => (was = value));
    await pass(30_000);
    const then = was;
    provider.calls[0]!.answer("late");
    await call;
    expect(then).toBe("new");
  });

  it("does not keep other processes waiting for ever, where there are leases", async () => {
    vi.useFakeTimers({ now: 1_800_000_000_000 });
    const store = new MapStore();
    const [a, b] = [1, 2].map(() =>
      stage({ store, leaseMs: LEASE_MS, clock: Date.now, control: { ttl: 60, staleWhileRevalidate: 30 } }),
    );
    await a!.cache.set(request(), "old");
    await pass(70_000);
    const hung = new Provider<Json>();
    expect((await a!.cache.through(request(), hung.produce)).status).toBe("stale");
    await pass(3_600_000);
    let was: unknown;
    const call = b!.cache.through(request(), async () => "new").then(({ value }) => (was = value));
    await pass(60_000);
    const then = was;
    hung.last.answer("late");
    await pass(10_000);
    await call;
    expect(then).toBe("new");
  });

  it("is ended by disposing", async () => {
    const own = await filled({ ttl: 60, staleWhileRevalidate: 30 });
    own.clock.pass(70_000);
    const provider = new Provider<Json>();
    await own.cache.through(request(), provider.abortable);
    await turn();
    const disposed = own.cache[Symbol.asyncDispose]();
    const was = await state(disposed);
    provider.last.answer("late");
    await disposed;
    expect(was).toBe("fulfilled");
  });
});

describe("statistics", () => {
  it("a refresh that is judged a failure serves nobody an expired answer", async () => {
    const own = await filled({ ttl: 60, staleWhileRevalidate: 30, staleIfError: 600 });
    own.clock.pass(70_000);
    await own.cache.through(request(), async () => "503", { judge: () => "fail" });
    await own.cache.settled();
    expect(own.cache.stats()).toMatchObject({ stale: 1 });
    expect(own.events.filter(({ type }) => type === "stale")).toHaveLength(1);
  });

  it("nor does one of a list that fails", async () => {
    const own = await filled({ ttl: 60, staleWhileRevalidate: 30, staleIfError: 600 });
    own.clock.pass(70_000);
    await own.cache.throughMany<Json>([request()], async () => Promise.reject(new Error("503")));
    await own.cache.settled();
    expect(own.cache.stats()).toMatchObject({ stale: 1 });
  });

  it("an answer that became fresh while the provider was failing is a hit", async () => {
    const own = await filled({ ttl: 60, staleIfError: 600 });
    own.clock.pass(70_000);
    const provider = new Provider<Json>();
    const call = own.cache.through(request(), provider.produce);
    await turn();
    await stage({ store: own.store, clock: own.clock.read, control: { ttl: 60 } }).cache.set(request(), "new");
    provider.last.fail(new Error("503"));
    expect(await call).toMatchObject({ status: "hit", value: "new" });
  });
});

describe("lists", () => {
  it("a run that is opened for an item is not left behind when another item fails", async () => {
    const store = new GatedStore();
    const own = stage({ store });
    await own.cache.set(request("x"), "stored");
    const gate = Promise.withResolvers<void>();
    store.before.get = () => gate.promise;
    const provider = new Provider<Json>();
    const x = own.cache.through(request("x"), provider.produce);
    const y = refusal(own.cache.through(request("y"), provider.produce), "down");
    // The stored x does not suit the list, which would ask for it by itself.
    const list = refusal(
      own.cache.throughMany<Json>([request("x"), request("y")], async (missing) => missing.map(() => "list"), {
        decode: () => undefined,
      }),
      "down",
    );
    await turn();
    gate.resolve();
    await turn();
    provider.last.fail(new Error("down"));
    await Promise.all([x, y, list]);
    await own.cache.settled();
    expect(own.cache.inFlight).toBe(0);
    expect(await state(own.cache.through(request("x"), provider.produce))).toBe("fulfilled");
  });

  it("serve expired items when the caller's time is up (staleIfError)", async () => {
    const own = await filled({ ttl: 60, staleIfError: 600 });
    own.clock.pass(70_000);
    const provider = new Provider<Json[]>();
    const timeout = new AbortController();
    const call = own.cache.throughMany<Json>([request()], (_, run) => provider.abortable(run), {
      signal: timeout.signal,
    });
    call.catch(() => undefined);
    await turn();
    timeout.abort(new DOMException("too slow", "TimeoutError"));
    expect((await call)[0]).toMatchObject({ status: "stale", value: "old" });
  });

  it("wait for a refresh that is under way when the old answer has become too old", async () => {
    const own = await filled({ ttl: 60, staleWhileRevalidate: 30 });
    const provider = new Provider<Json>();
    own.clock.pass(70_000);
    await own.cache.through(request(), provider.produce);
    own.clock.pass(30_000);
    const asked: number[] = [];
    const list = own.cache.throughMany<Json>([request()], async (missing) => {
      asked.push(...missing);
      return missing.map(() => "asked again");
    });
    await turn();
    provider.last.answer("new");
    expect((await list)[0]).toMatchObject({ value: "new" });
    expect(asked).toEqual([]);
  });

  it("equal items share what served the first, whatever the store does then (staleIfError)", async () => {
    const store = new FaultyStore(new MapStore());
    const own = stage({ store, control: { ttl: 60, staleIfError: 600 } });
    await own.cache.set(request(), "old");
    own.clock.pass(70_000);
    const call = own.cache.throughMany<Json>([request(), request()], async () => {
      throw new Error("503");
    });
    call.catch(() => undefined);
    own.cache.on(({ type }) => {
      if (type === "stale") store.fail("get", new Error("gone"));
    });
    expect((await call).map(({ status, value }) => [status, value])).toEqual([
      ["stale", "old"],
      ["stale", "old"],
    ]);
  });
});

describe("the cost of store trouble", () => {
  it("is not paid once for each item of a list that fails (staleIfError)", async () => {
    vi.useFakeTimers({ now: 1_800_000_000_000 });
    const store = new FaultyStore(new MapStore());
    const own = stage({ store, clock: Date.now, control: { staleIfError: 600 } });
    const list = Array.from({ length: 20 }, (_, index) => request(`item ${index}`));
    const produce = async (missing: readonly number[]): Promise<Json[]> => {
      store.delay();
      return missing.map(() => "503");
    };
    let done = false;
    const call = own.cache.throughMany<Json>(list, produce, { judge: () => "fail" }).then(() => (done = true));
    await pass(3000);
    const was = done;
    await pass(60_000);
    await call;
    expect(was).toBe(true);
  });

  it("is not what a process pays that was busy with something else: the store's answer is there", async () => {
    class Remote extends MapStore {
      override async get(...given: Parameters<MapStore["get"]>): ReturnType<MapStore["get"]> {
        await readFile(import.meta.filename);
        return super.get(...given);
      }
    }
    const own = stage({ store: new Remote(), storeTimeoutMs: 200 });
    await own.cache.set(request(), "stored");
    await turn();
    const call = own.cache.through(request(), answering());
    const until = performance.now() + 300;
    while (performance.now() < until);
    expect((await call).status).toBe("hit");
  });
});

describe("streams", () => {
  const OLD = async function* (): AsyncGenerator<string> {
    yield* ["a", "b"];
  };
  const NEVER = async function* (): AsyncGenerator<string> {
    await new Promise(() => undefined);
    yield "never";
  };

  async function expired(): Promise<Staged> {
    const own = stage({ control: { ttl: 60, staleIfError: 600 } });
    await all((await own.cache.stream(request(), OLD, strings)).value);
    await own.cache.settled();
    own.clock.pass(70_000);
    return own;
  }

  it("an expired one that is served because the caller's time is up can be read", async () => {
    const own = await expired();
    const timeout = new AbortController();
    const call = own.cache.stream(request(), NEVER, { ...strings, signal: timeout.signal });
    await turn();
    timeout.abort(new DOMException("too slow", "TimeoutError"));
    const outcome = await call;
    expect(outcome.status).toBe("stale");
    const read = all(outcome.value);
    read.catch(() => undefined);
    expect(await state(read)).toBe("fulfilled");
  });

  it("so can one that is served to somebody who has joined", async () => {
    const own = await expired();
    const leader = own.cache.stream(request(), NEVER, strings);
    leader.catch(() => undefined);
    const timeout = new AbortController();
    const call = own.cache.stream(request(), NEVER, { ...strings, signal: timeout.signal });
    call.catch(() => undefined);
    await turn();
    timeout.abort(new DOMException("too slow", "TimeoutError"));
    const outcome = await call;
    expect(outcome.status).toBe("stale");
    expect(await all(outcome.value)).toEqual(["a", "b"]);
  });

  it("that begin with a failure are replaced by an expired one also for those who joined", async () => {
    const own = await expired();
    const options = { ...strings, isFailure: (first: string) => first === "503" };
    const gate = Promise.withResolvers<void>();
    const failing = async function* (): AsyncGenerator<string> {
      await gate.promise;
      yield* ["503", "sorry"];
    };
    const calls = [1, 2].map(() => own.cache.stream(request(), failing, options));
    await turn();
    gate.resolve();
    const outcomes = await Promise.all(calls);
    expect(await Promise.all(outcomes.map(({ value }) => all(value)))).toEqual([
      ["a", "b"],
      ["a", "b"],
    ]);
  });

  it("that begin with a failure are told to be failures, not to have been left", async () => {
    const own = await expired();
    const failing = async function* (): AsyncGenerator<string> {
      yield* ["503", "sorry"];
    };
    const outcome = await own.cache.stream(request(), failing, {
      ...strings,
      isFailure: (first: string) => first === "503",
    });
    expect(outcome.status).toBe("stale");
    await own.cache.settled();
    await turn();
    expect(own.events.findLast(({ type }) => type === "miss")).toMatchObject({ answer: "failed" });
  });

  it("too large to be stored are refreshed once at a time", async () => {
    const own = stage({ control: { ttl: 60, staleWhileRevalidate: 600 }, maxStreamBytes: 100 });
    await all((await own.cache.stream(request(), OLD, strings)).value);
    await own.cache.settled();
    own.clock.pass(70_000);
    const gate = Promise.withResolvers<void>();
    let runs = 0;
    const large = async function* (): AsyncGenerator<string> {
      runs++;
      yield "x".repeat(200);
      await gate.promise;
    };
    for (let i = 0; i < 10; i++) {
      await all((await own.cache.stream(request(), large, strings)).value);
      await turn();
    }
    gate.resolve();
    await own.cache.settled();
    expect(runs).toBe(1);
  });
});

describe("warm", () => {
  it("asks for no more than `concurrency` at a time, also under staleWhileRevalidate", async () => {
    const own = stage({ control: { ttl: 60, staleWhileRevalidate: 600 } });
    const prompts = Array.from({ length: 20 }, (_, index) => `q${index}`);
    for (const prompt of prompts) await own.cache.set(request(prompt), "old");
    own.clock.pass(70_000);
    let [now, most] = [0, 0];
    const produce = async (): Promise<Json> => {
      most = Math.max(most, ++now);
      await turn(3);
      now--;
      return "new";
    };
    await own.cache.warm(
      prompts.map((prompt) => ({ request: request(prompt), produce })),
      { concurrency: 2 },
    );
    await own.cache.settled();
    expect(most).toBe(2);
  });

  it("tells that an item failed, also under staleIfError", async () => {
    const own = await filled({ ttl: 60, staleIfError: 600 });
    own.clock.pass(70_000);
    const [result] = await own.cache.warm<Json>([
      { request: request(), produce: async () => Promise.reject(new Error("503")) },
    ]);
    expect(result).toMatchObject({ status: "failed" });
  });
});

describe("forget", () => {
  it("ends with its signal, also where the store hangs", async () => {
    const store = new FaultyStore(new MapStore());
    const own = stage({ store });
    await own.cache.set(request(), 1);
    store.delay("entries");
    const controller = new AbortController();
    const sweep = own.cache.forget({ where: () => true, signal: controller.signal });
    sweep.catch(() => undefined);
    await turn();
    controller.abort(new Error("enough"));
    const was = await state(sweep);
    store.heal();
    expect(was).toBe("rejected");
  });
});
