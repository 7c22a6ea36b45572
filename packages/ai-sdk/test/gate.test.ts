import type {
  LanguageModelV4CallOptions,
  LanguageModelV4Content,
  LanguageModelV4GenerateResult,
} from "@ai-sdk/provider";
import { expect, test } from "vitest";
import { z } from "zod";
import { judgeAnswer, judgeStream } from "../src/answer-gate.ts";
import { collect } from "../src/answer-of-parts.ts";
import { breaksSchema } from "../src/json-schema.ts";
import type { StoreAnyway } from "../src/store-anyway.ts";
import { asked, stop, textAnswer, textParts, usage } from "./answers.ts";

const none: ReadonlySet<StoreAnyway> = new Set();
const answer = (
  content: LanguageModelV4Content[],
  unified: LanguageModelV4GenerateResult["finishReason"]["unified"] = "stop",
): LanguageModelV4GenerateResult => ({ content, finishReason: { unified, raw: undefined }, usage, warnings: [] });
const call = (input: string, more: object = {}): LanguageModelV4Content => ({
  type: "tool-call",
  toolCallId: "1",
  toolName: "search",
  input,
  ...more,
});
const text: LanguageModelV4Content = { type: "text", text: "hi" };
const source: LanguageModelV4Content = { type: "source", sourceType: "url", id: "1", url: "u" };
const offered: Partial<LanguageModelV4CallOptions> = { tools: [{ type: "function", name: "search", inputSchema: {} }] };
const hosted: Partial<LanguageModelV4CallOptions> = {
  tools: [{ type: "provider", id: "openai.web_search", name: "web", args: {} }],
};
const json: Partial<LanguageModelV4CallOptions> = {
  responseFormat: { type: "json", schema: { type: "object", required: ["a"] } },
};

const rules: [
  string,
  StoreAnyway | "store" | "fail",
  LanguageModelV4GenerateResult,
  Partial<LanguageModelV4CallOptions>?,
][] = [
  ["a text", "store", answer([text])],
  ["nothing", "empty", answer([])],
  ["blank text", "empty", answer([{ type: "text", text: " \n" }])],
  ["reasoning alone", "empty", answer([{ type: "reasoning", text: "hm" }])],
  ["a file", "store", answer([{ type: "file", mediaType: "a/b", data: { type: "data", data: "AA" } }])],
  ["a filtered text", "content-filter", answer([text], "content-filter")],
  ["a text without room", "truncated", answer([text], "length")],
  ["a text cut by the caller's own limit", "store", answer([text], "length"), { maxOutputTokens: 5 }],
  ["an interrupted text", "other-finish-reason", answer([text], "interrupted")],
  ["a text that ended somehow", "other-finish-reason", answer([text], "other")],
  ["a failure", "fail", answer([text], "error")],
  ["a call", "store", answer([call("{}")], "tool-calls"), offered],
  ["a call without input", "store", answer([call("")], "tool-calls"), offered],
  ["a call with broken input", "malformed-tool-call", answer([call('{"a":')], "tool-calls"), offered],
  [
    "a call of a tool that was not offered",
    "malformed-tool-call",
    answer([call("{}", { toolName: "other" })]),
    offered,
  ],
  ["a tool that the provider ran", "hosted-tool", answer([call("{}", { providerExecuted: true }), text]), hosted],
  ["a source that a search found", "hosted-tool", answer([source, text]), hosted],
  ["a source of the model's own", "store", answer([source, text])],
  ["JSON of the schema", "store", textAnswer('{"a":1}'), json],
  ["JSON of another schema", "broken-format", textAnswer('{"b":1}'), json],
  ["no JSON", "broken-format", textAnswer("well"), json],
  ["a call in the place of JSON", "store", answer([text, call("{}")], "tool-calls"), { ...json, ...offered }],
  ["an object that stands apart", "store", { ...textAnswer("draft"), structuredOutputText: '{"a":1}' }, json],
];
test.each(rules)("%s: %s", (_, expected, result, params) => {
  const judge = (anyway: ReadonlySet<StoreAnyway>) => judgeAnswer(result, { ...asked, ...params }, anyway);
  const own = expected === "store" || expected === "fail" ? expected : "pass";
  expect(judge(none)).toBe(own);
  if (own === "pass") expect(judge(new Set([expected as StoreAnyway]))).toBe("store");
});

test("a stream is judged like the answer that it makes; a cut one is none, one with an error a failure", () => {
  const judge = (parts: Parameters<typeof collect>[0]) => judgeStream(collect(parts), asked, none);
  expect(judge(textParts("hi"))).toBe("store");
  expect(judge(textParts(" "))).toBe("pass");
  expect(judge(textParts("hi").slice(0, -1))).toBe("none");
  expect(judge([...textParts("hi"), { type: "error", error: 1 }])).toBe("fail");
  expect(judge([{ type: "tool-input-start", id: "9", toolName: "x" }, ...textParts("hi")])).toBe("pass");
  expect(judge([{ type: "finish", finishReason: stop, usage }])).toBe("pass");
});

const schema = z.toJSONSchema(
  z.object({
    name: z.string().min(1).max(3),
    kind: z.enum(["a", "b"]),
    count: z.number().int().min(0).max(9),
    price: z.number().multipleOf(0.01).optional(),
    tags: z.array(z.string()).max(2),
    at: z.tuple([z.number(), z.string()]),
    choice: z.union([z.object({ x: z.literal(1) }), z.null()]),
    more: z.record(z.string(), z.boolean()),
    get parent() {
      return z.array(z.object({ id: z.string().regex(/^i\d$/) })).optional();
    },
  }),
);
const good = { name: "abc", kind: "a", count: 1, tags: ["t"], at: [1, "x"], choice: { x: 1 }, more: { a: true } };

test("what zod makes of a schema is kept by what fits it", () => {
  expect(breaksSchema(schema, good)).toBe(false);
  expect(breaksSchema(schema, { ...good, choice: null, price: 0.07, parent: [{ id: "i1" }], name: "🙂🙂🙂" })).toBe(
    false,
  );
});

test.each([
  { name: "" },
  { name: "abcd" },
  { name: 5 },
  { kind: "c" },
  { count: 1.5 },
  { count: -1 },
  { count: 10 },
  { price: 0.005 },
  { tags: ["a", "b", "c"] },
  { tags: [1] },
  { at: ["x", 1] },
  { choice: { x: 2 } },
  { more: { a: 1 } },
  { parent: [{ id: "x1" }] },
  { surplus: 1 },
  { name: undefined },
])("and broken by %j", (change) => {
  expect(breaksSchema(schema, JSON.parse(JSON.stringify({ ...good, ...change })))).toBe(true);
});

test.each([
  [
    { $ref: "#/$defs/n", $defs: { n: { type: "object", properties: { n: { $ref: "#/$defs/n" } }, required: ["v"] } } },
    { v: 1, n: {} },
    true,
  ],
  [{ $ref: "#/definitions/a~1b", definitions: { "a/b": { type: "number" } } }, "x", true],
  [{ $ref: "https://example.com/s.json" }, 1, false],
  [{ allOf: [{ type: "number" }, { minimum: 3 }] }, 2, true],
  [{ oneOf: [{ type: "number" }, { minimum: 3 }] }, 5, true],
  [{ oneOf: [{ type: "number" }, { type: "string" }] }, 5, false],
  [{ not: { type: "string" } }, "x", true],
  [{ const: { a: 1 } }, { a: 1 }, false],
  [{ exclusiveMinimum: 1 }, 1, true],
  [{ exclusiveMaximum: 1 }, 1, true],
  [{ uniqueItems: true }, [{ a: 1 }, { a: 1 }], true],
  [{ contains: { const: 1 } }, [2], true],
  [{ patternProperties: { "^a": { type: "number" } } }, { ab: "x" }, true],
  [{ propertyNames: { maxLength: 1 } }, { ab: 1 }, true],
  [{ minProperties: 1 }, {}, true],
  [{ format: "email" }, "x", false],
  [{ pattern: "(" }, "x", false],
  [{ type: "made-up" }, "x", false],
  [false, 1, true],
  [true, 1, false],
])("%j and %j: broken %s", (one, value, broken) => {
  expect(breaksSchema(one, value)).toBe(broken);
});
