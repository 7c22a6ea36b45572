import { describe, expect, expectTypeOf, it } from "vitest";
import { LLMCache, type CacheEvent, type Wrapped } from "../src/index.ts";
import { all, stage } from "./stage.ts";

const settle = async <T>(cache: LLMCache, call: Promise<T>): Promise<T> => {
  const value = await call;
  await cache.settled();
  return value;
};

describe("a wrapped function", () => {
  it("keeps its name, length, own properties and type, and is asked once for the same arguments", async () => {
    const { cache } = stage();
    let count = 0;
    const summarize = Object.assign(
      async function summarize(text: string, words: number): Promise<{ text: string; n: number }> {
        return { text: text.slice(0, words), n: ++count };
      },
      { schema: "s" },
    );
    const wrapped = cache.wrap(summarize);
    expect([wrapped.name, wrapped.length, wrapped.schema]).toEqual(["summarize", 2, "s"]);
    expect(await settle(cache, wrapped("hello", 2))).toEqual({ text: "he", n: 1 });
    expect(await wrapped("hello", 2)).toEqual({ text: "he", n: 1 });
    expect(await wrapped("hello", 3)).toEqual({ text: "hel", n: 2 });
    expectTypeOf(wrapped).toExtend<typeof summarize>();
    expectTypeOf<Parameters<typeof wrapped>>().toEqualTypeOf<[text: string, words: number]>();
    expectTypeOf(wrapped.with).returns.toEqualTypeOf<typeof summarize>();
    // @ts-expect-error: what is no promise cannot be wrapped
    void (() => cache.wrap((text: string) => text));
  });

  it("is in the key by its name: two functions with equal arguments do not answer for each other", async () => {
    const own = stage();
    const [a, b] = [
      own.cache.wrap(async (q: string) => `a ${q}`, { name: "a" }),
      own.cache.wrap(async (q: string) => `b ${q}`, { name: "b" }),
    ];
    await settle(own.cache, a("q"));
    expect(await b("q")).toBe("b q");
    expect(own.events[0]).toMatchObject({ operation: "function:a" });
  });

  it("needs a name, and one that no other function has on this cache", () => {
    const { cache } = stage();
    expect(() => cache.wrap(async () => 1)).toThrow(
      expect.objectContaining({ code: "ERR_LLMCACHE_OPTION", message: expect.stringContaining("name") }),
    );
    const ask = async (): Promise<number> => 1;
    cache.wrap(ask);
    expect(() => cache.wrap(ask, { ttl: 5 })).not.toThrow();
    const other = { ask: async (): Promise<number> => 2 };
    expect(() => cache.wrap(other.ask)).toThrow(expect.objectContaining({ message: expect.stringContaining('"ask"') }));
    expect(() => new LLMCache().wrap(other.ask)).not.toThrow();
    expect(() => cache.wrap(7 as never)).toThrow(expect.objectContaining({ code: "ERR_LLMCACHE_OPTION" }));
  });

  it("refuses wrong options when it is wrapped, not when it is called", () => {
    const { cache } = stage();
    const f = async (): Promise<number> => 1;
    expect(() => cache.wrap(f, { ttl: -1 })).toThrow("ttl");
    expect(() => cache.wrap(f, { tll: 1 } as never)).toThrow("tll");
    expect(() => cache.wrap(f, { encode: () => 1 })).toThrow("decode");
  });

  it("takes arguments left out and those that are undefined for the same, and tells all others apart", async () => {
    const { cache } = stage();
    let count = 0;
    const f = cache.wrap(async (..._args: unknown[]) => ++count, { name: "f" });
    const of = (...args: unknown[]): Promise<number> => settle(cache, f(...args));
    expect(await of("a")).toBe(await of("a", undefined));
    expect(await of()).toBe(await of(undefined));
    const different = [
      ["a"],
      ["a", "b"],
      [["a", "b"]],
      ["a,b"],
      [],
      [null],
      [{ 0: "a" }],
      [["a"]],
      [1],
      ["1"],
      [undefined, "a"],
      ["a", null],
    ];
    const answers = new Set<number>();
    for (const args of different) answers.add(await of(...args));
    expect(answers.size).toBe(different.length);
  });

  it("steps aside, with an event, for arguments that are no JSON", async () => {
    const own = stage();
    let count = 0;
    const f = own.cache.wrap(async (_given: unknown) => ++count, { name: "f" });
    const signal = new AbortController().signal;
    expect([await f({ signal }), await f({ signal })]).toEqual([1, 2]);
    expect(own.events).toMatchObject([{ type: "bypass", reason: "no-identity" }, { type: "bypass" }]);
  });

  it("hands over a result that is no JSON without storing it, unless it has encode and decode", async () => {
    const own = stage();
    const now = cached(own.cache, "now");
    expect(await now()).toBeInstanceOf(Date);
    expect(own.events[0]).toMatchObject({ type: "failure", during: "encode" });
    const later = own.cache.wrap(async () => new Date(5), {
      name: "later",
      encode: (date) => date.getTime(),
      decode: (body) => new Date(body.json() as number),
    });
    await settle(own.cache, later());
    expect(await later()).toEqual(new Date(5));
    expect(own.cache.stats().hits).toBe(1);
  });

  it("has key, when, judge, version and controls", async () => {
    const own = stage();
    let count = 0;
    const f = own.cache.wrap(async (_q: string, _trace: string) => ++count, {
      name: "f",
      key: (q) => q.toLowerCase(),
      when: (q) => q !== "never",
      judge: (result) => (result === 3 ? "pass" : "store"),
      ttl: 10,
    });
    const of = (q: string, trace: string): Promise<number> => settle(own.cache, f(q, trace));
    expect([await of("Q", "1"), await of("q", "2")]).toEqual([1, 1]);
    expect([await of("never", ""), await of("never", "")]).toEqual([2, 3]);
    expect(own.events.filter(({ type }) => type === "bypass")).toHaveLength(2);
    count = 2;
    expect([await of("judged", ""), await of("judged", "")]).toEqual([3, 4]);
    own.clock.pass(10_000);
    expect(await of("q", "")).toBe(5);
    const [one, two] = ["1", "2"].map((version) =>
      stageWith(own.store).wrap(async () => version, { name: "g", version }),
    );
    expect(await settle(own.cache, (one as () => Promise<string>)())).toBe("1");
    expect(await (two as () => Promise<string>)()).toBe("2");
  });

  it("can be called under another control or another cache", async () => {
    const { cache } = stage();
    let count = 0;
    const f = cache.wrap(async (_given: string) => ++count, { name: "f" });
    await settle(cache, f("q"));
    expect(await settle(cache, f.with({ noCache: true })("q"))).toBe(2);
    expect(await f.with(false)("q")).toBe(3);
    expect(await f.with(true)("q")).toBe(2);
    expect(await f.with(stage().cache)("q")).toBe(4);
    expect(f.with(true).length).toBe(1);
  });

  it("that throws, throws; and is asked again", async () => {
    const { cache } = stage();
    let count = 0;
    const f = cache.wrap(
      async () => {
        if (++count === 1) throw new Error("first");
        return count;
      },
      { name: "f" },
    );
    await expect(f()).rejects.toThrow("first");
    expect(await f()).toBe(2);
  });
});

function cached(cache: LLMCache, name: string): () => Promise<Date> {
  return cache.wrap(async () => new Date(0), { name });
}

function stageWith(store: LLMCache["store"]): LLMCache {
  return new LLMCache({ store });
}

describe("what a wrapped function is called on", () => {
  it("is its this, and counts: instances that differ in class or fields do not answer for each other", async () => {
    const { cache } = stage();
    class Agent {
      readonly model: string;
      constructor(model: string) {
        this.model = model;
      }
      persona(): string {
        return "plain";
      }
      async ask(q: string): Promise<string> {
        return `${this.persona()} ${this.model} ${q}`;
      }
    }
    class Pirate extends Agent {
      override persona(): string {
        return "pirate";
      }
    }
    Agent.prototype.ask = cache.wrap(Agent.prototype.ask);
    const answers: string[] = [];
    for (const agent of [new Agent("a"), new Agent("b"), new Pirate("a"), new Agent("a")])
      answers.push(await settle(cache, agent.ask("q")));
    expect(answers).toEqual(["plain a q", "plain b q", "pirate a q", "plain a q"]);
    expect(cache.stats().hits).toBe(1);
  });

  it("is a class for static methods: its name and static fields count, those it inherits too", async () => {
    const { cache } = stage();
    // oxlint-disable-next-line typescript/no-extraneous-class -- people have them
    class A {
      static model = "a";
      static async ask(q: string): Promise<string> {
        return `${this.name} ${this.model} ${q}`;
      }
    }
    class B extends A {}
    A.ask = cache.wrap(A.ask) as typeof A.ask;
    Object.defineProperty(A, "ask", { enumerable: false });
    expect(await settle(cache, A.ask("q"))).toBe("A a q");
    expect(await settle(cache, B.ask("q"))).toBe("B a q");
    A.model = "b";
    expect(await settle(cache, B.ask("q"))).toBe("B b q");
    expect(await B.ask("q")).toBe("B b q");
    expect(cache.stats().hits).toBe(1);
  });

  it("may be a plain object: its data counts, its functions do not", async () => {
    const { cache } = stage();
    const api = {
      model: "a",
      helper: () => 1,
      ask: cache.wrap(async function ask(this: { model: string }, q: string) {
        return `${this.model} ${q}`;
      }),
    };
    expect(await settle(cache, api.ask("q"))).toBe("a q");
    api.model = "b";
    expect(await settle(cache, api.ask("q"))).toBe("b q");
    expect(await api.ask("q")).toBe("b q");
    const tools = { search: cache.wrap(async (q: string) => q, { name: "search" }), other: () => 1 };
    await settle(cache, tools.search("x"));
    const { search } = tools;
    await search("x");
    expect(cache.stats().hits).toBe(2);
  });

  it("with a field that is no JSON makes the call one past the cache; a wrapped function on it is none", async () => {
    const own = stage();
    class Holder {
      client: unknown = undefined;
      ask = own.cache.wrap(async (q: string) => q, { name: "ask" });
    }
    const holder = new Holder();
    await settle(own.cache, holder.ask("q"));
    await holder.ask("q");
    expect(own.cache.stats().hits).toBe(1);
    holder.client = new Map();
    await holder.ask("q");
    expect(own.events.at(-1)).toMatchObject({ type: "bypass", reason: "no-identity" });
  });

  it("does not count where key is given", async () => {
    const { cache } = stage();
    class Holder {
      client = new Map();
      count = 0;
      async ask(_given: string): Promise<number> {
        return ++this.count;
      }
    }
    Holder.prototype.ask = cache.wrap(Holder.prototype.ask, { key: (q) => q });
    await settle(cache, new Holder().ask("q"));
    await new Holder().ask("q");
    expect(cache.stats().hits).toBe(1);
  });
});

describe("a wrapped async generator", () => {
  it("is cached and replayed", async () => {
    const { cache } = stage();
    let count = 0;
    const words = cache.wrap(async function* words(text: string) {
      count++;
      for (const word of text.split(" ")) yield { word };
    });
    expect(await all(words("a b"))).toEqual([{ word: "a" }, { word: "b" }]);
    await cache.settled();
    expect(await all(words("a b"))).toEqual([{ word: "a" }, { word: "b" }]);
    expect(count).toBe(1);
    expectTypeOf(words("x")).toExtend<AsyncIterable<{ word: string }>>();
  });

  it("that is left early, or fails, is not stored, and its finally runs", async () => {
    const { cache } = stage();
    let cleaned = 0;
    const words = cache.wrap(async function* words(n: number) {
      try {
        for (let i = 0; ; i++) {
          if (i === n) throw new Error("cut");
          yield i;
        }
      } finally {
        cleaned++;
      }
    });
    for await (const _ of words(100)) break;
    await expect(all(words(2))).rejects.toThrow("cut");
    await cache.settled();
    expect(cleaned).toBe(2);
    expect(cache.stats()).toMatchObject({ stores: 0, inFlight: 0 });
    expect(cache.inFlight).toBe(0);
  });

  it("must be written as one: a function that only gives an iterable is an error that says so", async () => {
    const { cache } = stage();
    const words = async function* (): AsyncGenerator<number> {
      yield 1;
    };
    const given = cache.wrap(() => words(), { name: "given" }) as unknown as () => Promise<unknown>;
    await expect(given()).rejects.toMatchObject({
      code: "ERR_LLMCACHE_OPTION",
      message: expect.stringContaining("async function*"),
    });
  });
});

describe("cached, as a decorator", () => {
  const context = (name: string | symbol): ClassMethodDecoratorContext =>
    ({ kind: "method", name, static: false, private: false }) as ClassMethodDecoratorContext;

  it("is wrap under the method's name", async () => {
    const own = stage();
    let count = 0;
    const ask = async function (this: unknown, q: string): Promise<string> {
      return `${q} ${++count}`;
    };
    const method = own.cache.cached({ ttl: 10 })(ask, context("ask"));
    expect(await settle(own.cache, method.call(undefined, "q"))).toBe("q 1");
    expect(await method.call(undefined, "q")).toBe("q 1");
    own.clock.pass(10_000);
    expect(await method.call(undefined, "q")).toBe("q 2");
    expect(own.events.map((event: CacheEvent) => event.operation)).toContain("function:ask");
    expectTypeOf(method).toEqualTypeOf<typeof ask>();
  });

  it("takes a name of its own, and needs one for a symbol", () => {
    const { cache } = stage();
    const anonymous = (
      () => async (): Promise<number> =>
        1
    )();
    expect(() => cache.cached()(anonymous, context(Symbol("s")))).toThrow("name");
    expect(() => cache.cached({ name: "named" })(anonymous, context(Symbol("s")))).not.toThrow();
  });
});

it("types: a wrapped function is the function, and more", () => {
  const { cache } = stage();
  const ask = async (q: string): Promise<number> => q.length;
  const wrapped = cache.wrap(ask);
  expectTypeOf(wrapped).toEqualTypeOf<Wrapped<typeof ask>>();
  expectTypeOf(wrapped("q")).toEqualTypeOf<Promise<number>>();
  // @ts-expect-error: a number is no question
  void (() => wrapped(7));
  // @ts-expect-error: judge is given what the function gives
  void (() => cache.wrap(ask, { judge: (result: string) => (result === "" ? "pass" : "store") }));
});
