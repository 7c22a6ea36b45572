import type { LanguageModelV4GenerateResult, LanguageModelV4StreamPart } from "@ai-sdk/provider";
import { Body } from "@llmcache/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { collect } from "../src/answer-of-parts.ts";
import { pack, unpack } from "../src/pack.ts";
import { partsOf } from "../src/parts-of-answer.ts";
import { decodeAnswer, decodeStream, encodeAnswer, encodeStream } from "../src/stored-answer.ts";
import { richAnswer, richParts, textAnswer, textParts, usage } from "./answers.ts";

const full = process.env["LLMCACHE_TEST_FULL"] === "1";
const runs = { numRuns: full ? 20_000 : 200 };
const at = { at: [], headers: undefined };

/** As a store on disk gives it back. */
const restored = (value: Parameters<typeof Body.json>[0]): Body => Body.json(value).asBytes();

test("an answer with everything comes back with its dates, bytes and URLs", () => {
  expect(decodeAnswer(restored(encodeAnswer(richAnswer())))).toStrictEqual(richAnswer());
});

test("members that are undefined stay so, in a usual answer and in an unusual one", () => {
  const usual = textAnswer("hi");
  expect(decodeAnswer(restored(encodeAnswer(usual)))).toStrictEqual(usual);
  const unusual = { ...usual, usage: { ...usage, raw: undefined }, providerMetadata: undefined, later: new Date(5) };
  expect(decodeAnswer(restored(encodeAnswer(unusual as unknown as LanguageModelV4GenerateResult)))).toStrictEqual(
    unusual,
  );
  const sparse = { ...usual, response: { id: undefined, modelId: "m" } };
  expect(decodeAnswer(restored(encodeAnswer(sparse as never)))).toStrictEqual(sparse);
});

test("a stream comes back part by part", () => {
  const stored = encodeStream(richParts(), { at: richParts().map((_, index) => index * 10), headers: { "x-a": "b" } });
  const stream = decodeStream(restored(stored));
  expect(stream?.parts).toStrictEqual(richParts());
  expect(stream?.at).toEqual(richParts().map((_, index) => index * 10));
  expect(stream?.headers).toEqual({ "x-a": "b" });
});

test("a stream answers a call in one piece with the last metadata of each block", () => {
  const answer = decodeAnswer(restored(encodeStream(richParts(), at)));
  expect(answer).toStrictEqual({
    content: [
      { type: "reasoning", text: "thinking", providerMetadata: { anthropic: { signature: "sig" } } },
      { type: "text", text: "hi — there", providerMetadata: { openai: { itemId: "i1", more: [1] } } },
      { type: "source", sourceType: "url", id: "s", url: "https://example.com", title: "t" },
      { type: "file", mediaType: "image/png", data: { type: "data", data: new Uint8Array([0, 1, 255]) } },
      { type: "tool-call", toolCallId: "call-1", toolName: "search", input: '{"q":1}' },
    ],
    finishReason: { unified: "tool-calls", raw: "tool_use" },
    usage: { ...usage, raw: { input: 7 } },
    providerMetadata: { anthropic: { cost: 0.1 } },
    response: { id: "r1", timestamp: new Date(1_700_000_000_123), modelId: "model-of-today" },
    warnings: [{ type: "other", message: "careful" }],
  });
});

test("metadata of a call's input that the call does not repeat is not lost in one piece", () => {
  const parts = (input: object, call: object): LanguageModelV4StreamPart[] => [
    { type: "stream-start", warnings: [] },
    { type: "tool-input-start", id: "c", toolName: "f", ...input },
    { type: "tool-input-delta", id: "c", delta: "{}" },
    { type: "tool-input-end", id: "c" },
    { type: "tool-call", toolCallId: "c", toolName: "f", input: "{}", ...call },
    { type: "finish", finishReason: { unified: "tool-calls", raw: undefined }, usage },
  ];
  const providerMetadata = { p: { signature: "s" } };
  expect(collect(parts({ providerMetadata }, {})).isLossless).toBe(false);
  expect(collect(parts({ providerMetadata }, { providerMetadata })).isLossless).toBe(true);
  expect(collect(parts({}, { providerMetadata })).isLossless).toBe(true);
});

test("an answer with members that nobody knows answers no stream", () => {
  const answer = textAnswer("hi");
  expect(partsOf(answer)).toBeDefined();
  expect(partsOf({ ...answer, later: undefined } as never)).toBeDefined();
  expect(partsOf({ ...answer, later: 1 } as never)).toBeUndefined();
  expect(partsOf({ ...answer, response: { later: 1 } } as never)).toBeUndefined();
  expect(partsOf({ ...answer, content: [{ type: "text", text: "hi", later: 1 }] } as never)).toBeUndefined();
  expect(partsOf({ ...answer, content: [{ type: "text", text: "hi", citations: [] }] } as never)).toBeDefined();
});

test("blocks that overlap stand in the order in which they began", () => {
  const parts: LanguageModelV4StreamPart[] = [
    { type: "text-start", id: "a" },
    { type: "text-start", id: "b" },
    { type: "text-delta", id: "b", delta: "second" },
    { type: "text-delta", id: "a", delta: "first" },
    { type: "text-end", id: "a" },
    { type: "text-end", id: "b" },
    { type: "finish", finishReason: { unified: "stop", raw: undefined }, usage },
  ];
  expect(collect(parts).answer?.content).toEqual([
    { type: "text", text: "first" },
    { type: "text", text: "second" },
  ]);
});

const lossy: [string, LanguageModelV4StreamPart[]][] = [
  ["a raw part", [{ type: "raw", rawValue: { a: 1 } }]],
  [
    "metadata that a later part does not repeat",
    [
      { type: "text-start", id: "9", providerMetadata: { a: { first: 1 } } },
      { type: "text-end", id: "9", providerMetadata: { a: { second: 1 } } },
    ],
  ],
  ["a block that never ended", [{ type: "text-start", id: "9" }]],
  ["an input whose call never came", [{ type: "tool-input-start", id: "9", toolName: "x" }]],
  [
    "a preliminary result without a final one",
    [{ type: "tool-result", toolCallId: "9", toolName: "x", result: 1, preliminary: true }],
  ],
  [
    "two ids",
    [
      { type: "response-metadata", id: "1" },
      { type: "response-metadata", id: "2" },
    ],
  ],
  ["a part of a later specification", [{ type: "hologram" } as never]],
];
test.each(lossy)("a stream with %s answers no call in one piece, and any stream", (_, extra) => {
  const parts = [...extra, ...textParts("hi")];
  const body = restored(encodeStream(parts, at));
  expect(decodeAnswer(body)).toBeUndefined();
  expect(decodeStream(body)?.parts).toStrictEqual(parts);
});

test("an answer whose object stands apart from its text answers no stream", () => {
  const body = restored(encodeAnswer({ ...textAnswer("draft"), structuredOutputText: "{}" }));
  expect(decodeStream(body)).toBeUndefined();
  expect(decodeAnswer(body)?.structuredOutputText).toBe("{}");
});

test.each([null, 5, { v: 2 }, { v: 1, usual: 7 }, { v: 1, whole: { value: {}, special: [["date", "no"]] } }])(
  "what is no stored answer (%j) is a miss or an error, never an answer",
  (value) => {
    const attempt = (): unknown => decodeAnswer(Body.json(value));
    let answer: unknown;
    try {
      answer = attempt();
    } catch {
      answer = undefined;
    }
    expect(answer).toBeUndefined();
  },
);

const text = fc.string({ unit: "grapheme", maxLength: 20 });
const metadata = fc.option(
  fc.dictionary(fc.constantFrom("openai", "google"), fc.dictionary(text, fc.jsonValue()), { maxKeys: 2 }),
  { nil: undefined },
);
const some = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as T;
const content = fc.oneof(
  fc.record({ type: fc.constant("text" as const), text, providerMetadata: metadata }).map(some),
  fc.record({ type: fc.constant("reasoning" as const), text, providerMetadata: metadata }).map(some),
  fc
    .record({
      type: fc.constant("file" as const),
      mediaType: text,
      data: fc.oneof(text, fc.uint8Array({ maxLength: 9 })).map((data) => ({ type: "data" as const, data })),
      providerMetadata: metadata,
    })
    .map(some),
  fc
    .record({
      type: fc.constant("source" as const),
      sourceType: fc.constant("url" as const),
      id: text,
      url: text,
      title: fc.option(text, { nil: undefined }),
    })
    .map(some),
  fc
    .record({
      type: fc.constant("tool-call" as const),
      toolCallId: text,
      toolName: text,
      input: text,
      providerExecuted: fc.option(fc.boolean(), { nil: undefined }),
    })
    .map(some),
);
const tokens = fc.option(fc.nat(), { nil: undefined });
const answers = fc.record({
  content: fc.uniqueArray(content, {
    selector: (part) => ("toolCallId" in part ? part.toolCallId : Symbol("none")),
    maxLength: 5,
  }),
  finishReason: fc.record({ unified: fc.constantFrom("stop", "length"), raw: fc.option(text, { nil: undefined }) }),
  usage: fc.record({
    inputTokens: fc.record({ total: tokens, noCache: tokens, cacheRead: tokens, cacheWrite: tokens }),
    outputTokens: fc.record({ total: tokens, text: tokens, reasoning: tokens }),
  }),
  response: fc.record({ id: text, timestamp: fc.date({ noInvalidDate: true }), modelId: text }, { requiredKeys: [] }),
  warnings: fc.array(text.map((message) => ({ type: "other", message }))),
});

test("any answer survives the store, and the way through a stream and back", () => {
  fc.assert(
    fc.property(answers, (value) => {
      const answer = roundZero(value) as unknown as LanguageModelV4GenerateResult;
      const body = restored(encodeAnswer(answer));
      expect(decodeAnswer(body)).toStrictEqual(answer);
      const parts = partsOf(answer) as LanguageModelV4StreamPart[];
      expect(decodeStream(body)?.parts).toStrictEqual(parts);
      const collected = collect(parts);
      expect(collected.isLossless).toBe(true);
      expect(collected.answer).toStrictEqual(answer);
    }),
    runs,
  );
});

test("any value of JSON, bytes, dates and undefined is unpacked as it was packed", () => {
  const leaf = fc.oneof(
    fc.jsonValue(),
    fc.uint8Array({ maxLength: 5 }),
    fc.date({ noInvalidDate: true }),
    fc.constant(undefined),
    fc.constantFrom(Number.NaN, Infinity),
    fc.webUrl().map((url) => new URL(url)),
  );
  const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 3 },
      leaf,
      fc.array(tie("tree"), { maxLength: 4 }),
      fc.dictionary(
        fc.string().filter((name) => name !== "__proto__"),
        tie("tree"),
        { maxKeys: 4 },
      ),
    ),
  }));
  fc.assert(
    fc.property(tree, (value) => {
      expect(unpack(JSON.parse(JSON.stringify(pack(value))) as ReturnType<typeof pack>)).toStrictEqual(
        roundZero(value),
      );
    }),
    runs,
  );
});

/** JSON has no -0, and no objects without a prototype. */
function roundZero<T>(value: T): T {
  if (value === 0) return 0 as T;
  if (Array.isArray(value)) return value.map(roundZero) as T;
  if (
    typeof value !== "object" ||
    value === null ||
    value instanceof Uint8Array ||
    value instanceof Date ||
    value instanceof URL
  )
    return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, roundZero(each as unknown)])) as T;
}

test("a class instance cannot be packed, and the error names where it is", () => {
  expect(() => pack({ a: [new Map()] })).toThrow("at $.a.0 is an instance of a class");
  expect(() => pack({ a: () => 1 })).toThrow("at $.a is a function");
});
