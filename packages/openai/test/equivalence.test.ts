import type { Json, JsonObject } from "@llmcache/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Equivalence } from "../src/index.ts";
import { openAIChat } from "../src/index.ts";
import { CHAT_URL, keyOf, RESPONSES_URL } from "./asking.ts";
import { runs } from "./chat-answers.ts";

const HINT = { type: "ephemeral" };

const chat = (body: JsonObject, ...equivalent: Equivalence[]): string =>
  keyOf(
    { model: "m", messages: [{ role: "user", content: "a" }], ...body },
    { url: CHAT_URL, options: { equivalent } },
  );
const responses = (body: JsonObject, ...equivalent: Equivalence[]): string =>
  keyOf({ model: "m", input: "a", ...body }, { url: RESPONSES_URL, options: { equivalent } });

function distinct(ids: readonly string[]): number {
  return new Set(ids).size;
}

describe("message-ids", () => {
  const item = (more: JsonObject): JsonObject => ({
    input: [
      { role: "user", content: "a", ...more },
      { role: "user", content: "b" },
    ],
  });

  test("makes messages equal that differ only in their id, and only where it is asked for", () => {
    const ways = [item({}), item({ id: "msg_1" }), item({ id: "msg_2" })];
    expect(distinct(ways.map((way) => responses(way, "message-ids")))).toBe(1);
    expect(distinct(ways.map((way) => responses(way)))).toBe(3);
    expect(distinct(ways.map((way) => responses(way, "cache-hints", "tool-order")))).toBe(3);
  });

  test("leaves ids that stand for something: of references, reasoning, calls, results, and messages that say nothing", () => {
    const items: JsonObject[] = ["x", "y"].flatMap((id) => [
      { type: "item_reference", id },
      { type: "reasoning", id, summary: [] },
      { type: "function_call", id, call_id: "c", name: "f", arguments: "{}" },
      { type: "function_call_output", call_id: id, output: "1" },
      { type: "image_generation_call", id, result: null, status: "completed" },
      { type: "message", role: "assistant", id, content: [] },
      { type: "message", role: "assistant", id },
      { type: "additional_tools", role: "developer", id, tools: [] },
      { role: "user", content: [{ type: "input_file", file_id: id }] },
    ]);
    expect(distinct(items.map((each) => responses({ input: [each] }, "message-ids")))).toBe(items.length);
  });

  test("means nothing in chat, whose messages have none", () => {
    const ways = ["1", "2"].map((id) => chat({ messages: [{ role: "user", content: "a", id }] }, "message-ids"));
    expect(distinct(ways)).toBe(2);
  });
});

describe("cache-hints", () => {
  const tool = { type: "function", function: { name: "f", parameters: { type: "object" } } };
  const hinted: JsonObject[] = [
    { prompt_cache_key: "a" },
    { cache_control: HINT },
    { messages: [{ role: "user", content: "a", cache_control: HINT }] },
    { messages: [{ role: "user", content: [{ type: "text", text: "a", cache_control: { ...HINT, ttl: "1h" } }] }] },
    { messages: [{ role: "user", content: [{ type: "text", text: "a", cache_control: null }] }] },
  ];

  test("makes requests equal that differ only in hints, and only where it is asked for", () => {
    expect(distinct([{}, ...hinted].map((each) => chat(each, "cache-hints")))).toBe(1);
    expect(distinct([{}, ...hinted].map((each) => chat(each)))).toBe(hinted.length + 1);
    const tools = [
      tool,
      { ...tool, cache_control: HINT },
      { ...tool, function: { ...tool.function, cache_control: HINT } },
    ];
    expect(distinct(tools.map((each) => chat({ tools: [each] }, "cache-hints")))).toBe(1);
    expect(distinct(tools.map((each) => chat({ tools: [each] }, "tool-order")))).toBe(3);
    const items = [{}, { cache_control: HINT }].map((more) => ({
      input: [{ role: "user", content: "a", ...more }],
      ...more,
    }));
    expect(distinct(items.map((each) => responses(each, "cache-hints")))).toBe(1);
  });

  test("leaves what is called so and is no hint: in a schema, in arguments, in text, in other fields", () => {
    const schema = (hint: Json): JsonObject => ({
      tools: [
        {
          ...tool,
          function: { ...tool.function, parameters: { type: "object", properties: { cache_control: hint } } },
        },
      ],
    });
    const bodies: JsonObject[] = [
      {},
      schema({ type: "string" }),
      schema({ type: "number" }),
      schema(HINT),
      { messages: [{ role: "user", content: 'a "cache_control": {"type":"ephemeral"}' }] },
      { messages: [{ role: "user", content: "a", cache_control: "yes" }] },
      { messages: [{ role: "user", content: "a", cache_control: {} }] },
      { messages: [{ role: "user", content: [{ type: "data", data: { cache_control: HINT } }] }] },
      { response_format: { type: "json_schema", json_schema: { name: "a", schema: { cache_control: HINT } } } },
      { extra_body: { cache_control: HINT } },
      { extra_body: { prompt_cache_key: "a" } },
      { prompt_cache_retention: "24h" },
      { prompt_cache_options: { ttl: "12h" } },
    ];
    expect(distinct(bodies.map((each) => chat(each, "cache-hints", "message-ids", "tool-order")))).toBe(bodies.length);
  });
});

describe("tool-order", () => {
  const f = { type: "function", function: { name: "f" } };
  const g = { type: "function", function: { name: "g" } };
  const custom = { type: "custom", custom: { name: "f" } };

  test("makes requests equal that name the same tools in another order, and only where it is asked for", () => {
    const orders = [
      [f, g, custom],
      [custom, g, f],
      [g, f, custom],
    ].map((tools) => ({ tools }));
    expect(distinct(orders.map((each) => chat(each, "tool-order")))).toBe(1);
    expect(distinct(orders.map((each) => chat(each, "cache-hints")))).toBe(3);
    const flat = [{ type: "function", name: "f" }, { type: "function", name: "g" }, { type: "image_generation" }];
    expect(responses({ tools: flat }, "tool-order")).toBe(responses({ tools: flat.toReversed() }, "tool-order"));
  });

  test("leaves which tools there are, how often, the order of others of one name, and other lists", () => {
    const bodies: JsonObject[] = [
      {},
      { tools: [] },
      { tools: [f] },
      { tools: [f, f] },
      { tools: [f, g] },
      { tools: [{ ...f, function: { name: "f", strict: true } }, f] },
      { tools: [f, { ...f, function: { name: "f", strict: true } }] },
      { functions: [{ name: "f" }, { name: "g" }] },
      { functions: [{ name: "g" }, { name: "f" }] },
      { stop: ["a", "b"] },
      { stop: ["b", "a"] },
    ];
    expect(distinct(bodies.map((each) => chat(each, "tool-order")))).toBe(bodies.length);
  });
});

test("a rule that there is not is refused by name", () => {
  expect(() => openAIChat({ equivalent: ["message-id" as Equivalence] })).toThrow(
    expect.objectContaining({ code: "ERR_LLMCACHE_OPTION", message: expect.stringContaining("message-id") }),
  );
});

/** Anything, in which the names occur that the rules are about. */
const anything = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 2, depthSize: "small" },
    fc.constantFrom<Json>("a", "b", 1, null, HINT),
    fc.array(tie("value"), { maxLength: 2 }),
    fc.dictionary(fc.constantFrom("cache_control", "prompt_cache_key", "id", "tools", "role", "type"), tie("value"), {
      maxKeys: 2,
    }),
  ),
})).value;
const fields = fc.dictionary(fc.constantFrom("x", "extra", "parameters"), anything, { maxKeys: 2 });
const part = fc.tuple(fc.constantFrom("text", "input_text"), fc.constantFrom("a", "b"), fields);
const message = fc.tuple(fc.constantFrom("user", "assistant"), fc.array(part, { minLength: 1, maxLength: 2 }), fields);
const tool = fc.tuple(fc.constantFrom("f", "g", "h"), fields);
/** A request without anything that a rule leaves out. */
const plain = fc.record({
  messages: fc.array(message, { minLength: 1, maxLength: 2 }),
  tools: fc.uniqueArray(tool, { maxLength: 3, selector: ([name]) => name }),
  fields,
});
type Plain = typeof plain extends fc.Arbitrary<infer T> ? T : never;

/** Where hints and ids are put, and in which order the tools come; each number decides about one place. */
const dressing = fc.array(fc.nat({ max: 5 }), { minLength: 12, maxLength: 12 });

/** The request as one client or another might write it. */
function dressed({ messages, tools, fields: rest }: Plain, choices: readonly number[]): JsonObject {
  let next = 0;
  const pick = (): number => choices[next++ % choices.length] as number;
  const hint = (): JsonObject => {
    const choice = pick();
    return choice > 3 ? { cache_control: choice === 4 ? HINT : null } : {};
  };
  const id = (): JsonObject => {
    const choice = pick();
    return choice > 2 ? { id: `msg_${choice}` } : {};
  };
  const list = tools.map(([name, more]) => ({ type: "function", name, parameters: more, ...hint() }));
  return {
    model: "m",
    ...rest,
    input: messages.map(([role, parts, more]) => ({
      role,
      ...more,
      ...id(),
      ...hint(),
      content: parts.map(([type, text, others]) => ({ type, text, ...others, ...hint() })),
    })),
    tools: pick() > 2 ? list.toReversed() : list,
    ...(pick() > 2 ? { prompt_cache_key: `key ${pick()}` } : {}),
    ...hint(),
  };
}

/** The same with the tools in one order. */
function sorted(given: Plain): Plain {
  return { ...given, tools: given.tools.toSorted(([a], [b]) => (a < b ? -1 : 1)) };
}

describe("all rules together", () => {
  const all: Equivalence[] = ["message-ids", "cache-hints", "tool-order"];
  const id = (body: JsonObject, equivalent: readonly Equivalence[]): string =>
    keyOf(body, { url: RESPONSES_URL, options: { equivalent } });

  test("merge requests exactly if they are equal without what the rules name", () => {
    fc.assert(
      fc.property(plain, plain, dressing, dressing, fc.boolean(), (one, other, some, others, same) => {
        const [a, b] = [one, same ? one : other];
        const bare = [id(dressed(sorted(a), [0]), []), id(dressed(sorted(b), [0]), [])];
        expect(id(dressed(a, some), all) === id(dressed(b, others), all)).toBe(bare[0] === bare[1]);
      }),
      runs(1000),
    );
  });

  test("one by one merge only what they name", () => {
    fc.assert(
      fc.property(plain, plain, dressing, fc.constantFrom(...all), (one, other, some, rule) => {
        if (id(dressed(one, some), [rule]) !== id(dressed(other, some), [rule])) return;
        expect(id(dressed(sorted(one), [0]), [])).toBe(id(dressed(sorted(other), [0]), []));
      }),
      runs(1000),
    );
  });

  test("do not change a request that has nothing of the kind", () => {
    fc.assert(
      fc.property(plain, (given) => {
        const body = dressed(sorted(given), [0]);
        expect(id(body, all)).toBe(id(body, []));
      }),
      runs(300),
    );
  });
});
