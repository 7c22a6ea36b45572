import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import {
  diffRequests,
  explainKey,
  LLMCache,
  requestKey,
  type CacheRequest,
  type Json,
  type KeyOptions,
} from "../src/index.ts";
import { referenceId } from "./reference-encoder.ts";
import { request } from "./stage.ts";

const FULL = process.env["LLMCACHE_TEST_FULL"] !== undefined;
vi.setConfig({ testTimeout: FULL ? 3_600_000 : 30_000 });

const id = (asked: CacheRequest, options?: KeyOptions): string => requestKey(asked, options).id;

describe("a key", () => {
  it("is 64 hex digits of the documented record", () => {
    const asked = request("hi", { settings: { temperature: 0 }, context: ["x"] });
    expect(id(asked)).toMatch(/^[0-9a-f]{64}$/);
    expect(id(asked)).toBe(
      referenceId({
        operation: "chat.completions",
        namespace: [[], []],
        sample: 0,
        provider: "test",
        model: "m",
        settings: { temperature: 0 },
        context: ["x"],
        prompt: "hi",
      }),
    );
  });

  const base: CacheRequest = {
    operation: "messages",
    provider: "p",
    model: "m",
    version: "1",
    settings: { t: 1 },
    context: ["c"],
    prompt: "q",
    namespace: "n",
    sample: 1,
  };

  it.each([
    ["operation", "chat.completions"],
    ["provider", "q"],
    ["provider", undefined],
    ["model", "m2"],
    ["version", "2"],
    ["version", undefined],
    ["settings", { t: 2 }],
    ["settings", undefined],
    ["settings", null],
    ["context", ["d"]],
    ["context", []],
    ["prompt", "q "],
    ["prompt", ["q"]],
    ["prompt", null],
    ["namespace", "n2"],
    ["namespace", ["n", "n"]],
    ["namespace", undefined],
    ["sample", 2],
    ["sample", undefined],
  ])("changes with %s: %j", (member, value) => {
    expect(id({ ...base, [member]: value })).not.toBe(id(base));
  });

  it("does not count shape, nor members that are undefined; sample 0 is the default, a name is a list of one", () => {
    expect(id({ ...base, shape: { turns: 4, tools: true } })).toBe(id(base));
    expect(id(request("q", { settings: undefined, context: undefined, sample: 0, namespace: undefined }))).toBe(
      id(request("q")),
    );
    expect(id(request("q", { settings: { a: undefined, b: 1 } }))).toBe(id(request("q", { settings: { b: 1 } })));
    expect(id(request("q", { namespace: ["n"] }))).toBe(id(request("q", { namespace: "n" })));
  });

  it("does not let a part stand for another: values move between members and the key changes", () => {
    const parts = ["provider", "model", "settings", "context", "prompt"] as const;
    const ids = parts.map((part) => id({ operation: "o", prompt: "-", [part]: "value" }));
    expect(new Set(ids).size).toBe(parts.length);
  });

  it("has scope and text only where similarity is asked for and the prompt is text", () => {
    expect(Object.keys(requestKey(request("q")))).toEqual(["id"]);
    expect(Object.keys(requestKey(request(["q"]), { similar: true }))).toEqual(["id"]);
    const key = requestKey(request("q"), { similar: true });
    expect(key).toMatchObject({ id: id(request("q")), text: "q", scope: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(requestKey(request("r"), { similar: true }).scope).toBe(key.scope);
    expect(requestKey(request("q", { model: "other" }), { similar: true }).scope).not.toBe(key.scope);
    expect(key.scope).not.toBe(key.id);
  });

  it("under a secret is another, and tells nothing without it", () => {
    const plain = id(request());
    const one = id(request(), { secret: "one" });
    expect(new Set([plain, one, id(request(), { secret: "two" })]).size).toBe(3);
    expect(id(request(), { secret: Buffer.from("one") })).toBe(one);
    const scope = (secret: string): unknown => requestKey(request(), { similar: true, secret }).scope;
    expect(scope("one")).not.toBe(scope("two"));
  });

  it("is injective over whole requests", () => {
    const name = fc.constantFrom("a", "b", "");
    const level = fc.oneof(fc.constant(undefined), name, fc.array(name, { maxLength: 2 }));
    const value = fc.constantFrom<Json[]>(undefined as never, null, "", "a", 1, [], {}, ["a"], { a: 1 });
    const asked = fc.record({
      operation: fc.constantFrom("x", "y"),
      provider: fc.option(name, { nil: undefined }),
      model: fc.option(name, { nil: undefined }),
      version: fc.option(name, { nil: undefined }),
      settings: value,
      context: value,
      prompt: value.filter((v) => v !== undefined),
      namespace: level,
      sample: fc.constantFrom(undefined, 0, 1),
    }) as fc.Arbitrary<CacheRequest>;
    const options = fc.record({
      namespaces: fc.record({
        cache: level,
        runs: fc.array(
          level.filter((l) => l !== undefined),
          { maxLength: 2 },
        ),
        call: level,
      }),
    }) as fc.Arbitrary<KeyOptions>;
    fc.assert(
      fc.property(
        asked,
        options,
        asked,
        options,
        (a, ao, b, bo) => (id(a, ao) === id(b, bo)) === (explainKey(a, ao) === explainKey(b, bo)),
      ),
      { numRuns: FULL ? 1_000_000 : 2000 },
    );
  });
});

describe("levels of namespaces", () => {
  const of = (
    cache?: string | string[],
    runs: (string | string[])[] = [],
    call?: string | string[],
    own?: string | string[],
  ): string => id(request("q", { namespace: own }), { namespaces: { cache, runs, call } });

  it("never replace each other, and nobody names himself into another's", () => {
    const all = [
      of(),
      of("a"),
      of(undefined, ["a"]),
      of(undefined, [], "a"),
      of("a", ["b"]),
      of("a", [], "b"),
      of(["a", "b"]),
      of(undefined, ["a", "b"]),
      of(undefined, [["a", "b"]]),
      of(undefined, [], ["a", "b"]),
      of("a/b"),
      of("a", ["b"], "c"),
      of("a", ["b", "c"]),
      of("a,b"),
      of("", []),
      of(undefined, [""]),
    ];
    expect(new Set(all).size).toBe(all.length);
  });

  it("given nowhere and given empty by the cache are the same; the request's follow the call's", () => {
    expect(of(undefined)).toBe(id(request("q")));
    expect(of([])).toBe(id(request("q")));
    expect(of("a", [], "b", "c")).toBe(of("a", [], ["b", "c"]));
  });

  it("come from the cache, each run around the call, the call and the request", () => {
    const cache = new LLMCache({ namespace: "tenant" });
    const inRuns = cache.run({ namespace: "outer" }, () =>
      cache.run({ namespace: ["in", "ner"] }, () =>
        cache.key(request("q", { namespace: "own" }), { namespace: "call" }),
      ),
    );
    expect(inRuns.id).toBe(of("tenant", ["outer", ["in", "ner"]], ["call", "own"]));
    expect(cache.key(request("q")).id).toBe(of("tenant"));
  });

  it("versions have levels of their own", () => {
    const versions = [
      id(request("q")),
      id(request("q", { version: "1" })),
      id(request("q"), { versions: { cache: "1" } }),
      id(request("q"), { versions: { runs: ["1"] } }),
      id(request("q", { version: "2" }), { versions: { cache: "1" } }),
      id(request("q", { version: "1" }), { versions: { cache: "2" } }),
      id(request("q", { version: "" })),
      id(request("q", { namespace: "1" })),
    ];
    expect(new Set(versions).size).toBe(versions.length);
    expect(new LLMCache({ version: "1" }).key(request("q")).id).toBe(versions[2]);
  });
});

describe("a custom key", () => {
  it("given as a string stands for provider, model, settings, context and prompt, and for nothing else", () => {
    const key = (): string => "mine";
    const mine = id(request("q"), { key });
    expect(id(request("other", { model: "x", settings: 1, context: 2, provider: "p" }), { key })).toBe(mine);
    for (const other of [
      request("q", { operation: "messages" }),
      request("q", { namespace: "n" }),
      request("q", { version: "1" }),
      request("q", { sample: 1 }),
    ]) {
      expect(id(other, { key })).not.toBe(mine);
    }
    expect(id(request("q"), { key: () => "other" })).not.toBe(mine);
    expect(requestKey(request("q"), { key, similar: true }).text).toBeUndefined();
  });

  it("is never the key of a request that is that very string", () => {
    const key = (): string => "mine";
    expect(id({ operation: "o", prompt: "x" }, { key })).not.toBe(id({ operation: "o", prompt: "mine" }));
    expect(id({ operation: "o", prompt: "x" }, { key: () => "" })).not.toBe(id({ operation: "o", prompt: "" }));
  });

  it("given as a request keeps operation, namespace, version and sample of the original", () => {
    const key = (asked: CacheRequest): CacheRequest => ({
      ...asked,
      model: "alias",
      operation: "ignored",
      namespace: "ignored",
      sample: 9,
      version: "ignored",
    });
    expect(id(request("q", { model: "a" }), { key })).toBe(id(request("q", { model: "alias" })));
    expect(id(request("q", { model: "a", namespace: "n", sample: 2, version: "3" }), { key })).toBe(
      id(request("q", { model: "alias", namespace: "n", sample: 2, version: "3" })),
    );
  });
});

describe("what has no key", () => {
  const cyclic: Record<string, unknown> = { a: [] };
  (cyclic["a"] as unknown[]).push(cyclic);

  it.each([
    ["NaN", { settings: { t: Number.NaN } }, "settings.t"],
    ["Infinity", { settings: [1, Number.POSITIVE_INFINITY] }, "settings[1]"],
    ["a bigint", { context: { deep: [{ n: 1n }] } }, "context.deep[0].n"],
    ["a function", { prompt: { "not a name": () => 1 } }, 'prompt["not a name"]'],
    ["a symbol", { prompt: [Symbol("x")] }, "prompt[0]"],
    ["undefined in a list", { prompt: [1, undefined] }, "prompt[1]"],
    ["a hole", { prompt: [1, , 2] }, "prompt[1]"], // oxlint-disable-line no-sparse-arrays
    ["a Date", { prompt: { at: new Date(0) } }, "prompt.at"],
    ["a Map", { settings: new Map() }, "settings"],
    ["a boxed string", { prompt: Object("x") as unknown }, "prompt"],
    ["bytes", { prompt: [Uint8Array.of(1)] }, "prompt[0]"],
    ["a cycle", { prompt: cyclic }, "prompt.a[0]"],
  ])("%s: the error names the path", (_, more, path) => {
    expect(() => id(request("q", more as never))).toThrow(
      expect.objectContaining({ code: "ERR_LLMCACHE_REQUEST", message: expect.stringContaining(`at ${path},`) }),
    );
  });

  it.each([499, 500, 501, 100_000])(
    "nesting of %i: fine up to the limit, an error with a path beyond, never a stack overflow",
    (depth) => {
      let prompt: Json = "deep";
      for (let i = 0; i < depth; i++) prompt = [prompt];
      if (depth < 500) expect(id(request(prompt))).toMatch(/^\w{64}$/);
      else
        expect(() => id(request(prompt))).toThrow(
          expect.objectContaining({
            code: "ERR_LLMCACHE_REQUEST",
            message: expect.stringMatching(/at prompt(\[0\]){499},/),
          }),
        );
    },
  );

  it.each([
    [undefined, "request"],
    [null, "request"],
    [{ prompt: "q" }, "operation"],
    [{ operation: "", prompt: "q" }, "operation"],
    [{ operation: "o" }, "prompt"],
    [{ operation: "o", prompt: "q", model: 7 }, "model"],
    [{ operation: "o", prompt: "q", provider: {} }, "provider"],
    [{ operation: "o", prompt: "q", sample: -1 }, "sample"],
    [{ operation: "o", prompt: "q", sample: 1.5 }, "sample"],
    [{ operation: "o", prompt: "q", namespace: [1] }, "namespace"],
    [{ operation: "o", prompt: "q", version: 3 }, "version"],
  ])("%j", (asked, name) => {
    expect(() => id(asked as never)).toThrow(
      expect.objectContaining({ code: "ERR_LLMCACHE_REQUEST", message: expect.stringContaining(name) }),
    );
  });
});

describe("explainKey and diffRequests", () => {
  it("show what counts, in RFC 8785 order", () => {
    expect(
      explainKey(request("hi", { settings: { b: 1, a: undefined, "10": "x", "9": -0 }, shape: { turns: 1 } })),
    ).toBe(
      '{"model":"m","namespace":[[],[]],"operation":"chat.completions","prompt":"hi","provider":"test","sample":0,"settings":{"10":"x","9":0,"b":1}}',
    );
    expect(explainKey(request("hi"), { key: () => "mine" })).toContain('"key":"mine"');
  });

  it("name every place where two requests differ, and none where they do not", () => {
    const a = request(["x", { role: "user" }], {
      settings: { temperature: 0, tools: [{ name: "f", description: "one" }], gone: 1 },
    });
    const b = request(["x", { role: "user" }, "more"], {
      model: "n",
      settings: { tools: [{ description: "two", name: "f" }], temperature: -0 },
    });
    expect(diffRequests(a, b)).toEqual([
      { path: "model", a: '"m"', b: '"n"' },
      { path: "prompt[2]", a: undefined, b: '"more"' },
      { path: "settings.gone", a: "1", b: undefined },
      { path: "settings.tools[0].description", a: '"one"', b: '"two"' },
    ]);
    expect(diffRequests(a, structuredClone(a))).toEqual([]);
  });

  it("agree with the key: no difference exactly if the ids are the same", () => {
    const pairs: [Json, Json][] = [
      [{ a: 1 }, { a: 1, b: undefined }],
      [[1], { "0": 1 }],
      [null, "null"],
      [{ __proto__: null, a: 1 }, { a: 1 }],
      [JSON.parse('{"__proto__":1}') as Json, {}],
      ["\ud800", "\ufffd"],
      [[], {}],
    ];
    for (const [a, b] of pairs) {
      expect(diffRequests(request(a), request(b)).length === 0).toBe(id(request(a)) === id(request(b)));
    }
  });

  it("refuse what has no key", () => {
    expect(() => explainKey(request(1n as never))).toThrow(expect.objectContaining({ code: "ERR_LLMCACHE_REQUEST" }));
    expect(() => diffRequests(request("a"), request(1n as never))).toThrow(
      expect.objectContaining({ code: "ERR_LLMCACHE_REQUEST" }),
    );
  });
});

describe("the documented vectors", () => {
  const page = readFileSync(new URL("../../../docs/key-format.md", import.meta.url), "utf8");
  const block = /```json requests\n([\s\S]*?)```/.exec(page)?.[1] as string;
  const vectors = JSON.parse(block) as { request: CacheRequest; options?: KeyOptions; key?: string; id: string }[];

  it.each(vectors)("$id", ({ request: asked, options, key, id: expected }) => {
    expect(id(asked, { ...options, ...(key === undefined ? {} : { key: () => key }) })).toBe(expected);
  });
});
