import { AIMessage, HumanMessage } from "@langchain/core/messages";
import { Body, requestKey, type Json } from "@llmcache/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { messageIdentity } from "../src/message-identity.ts";
import { decodeResult, encodeResult } from "../src/stored-generation.ts";

const runs = { numRuns: process.env["LLMCACHE_TEST_FULL"] === "1" ? 10_000 : 200 };
const text = fc.string({ maxLength: 12 });
const fields = fc.record(
  {
    content: fc.oneof(text, fc.array(fc.record({ type: fc.constant("text"), text }), { maxLength: 3 })),
    id: text,
    name: text,
    additional_kwargs: fc.dictionary(fc.constantFrom("a", "reasoning_content"), text),
    response_metadata: fc.dictionary(fc.constantFrom("model_name", "finish_reason"), text),
    tool_calls: fc.array(
      fc.record({ name: text, args: fc.record({ q: text }), id: text, type: fc.constant("tool_call") }),
      { maxLength: 2 },
    ),
    usage_metadata: fc.record({ input_tokens: fc.nat(), output_tokens: fc.nat(), total_tokens: fc.nat() }),
  },
  { requiredKeys: ["content"], noNullPrototype: true },
);

test("any message of an assistant survives the store, in an object of its own", () => {
  fc.assert(
    fc.property(fields, text, (given, spoken) => {
      const message = new AIMessage(given as never);
      const stored = Body.json(
        encodeResult({ generations: [{ text: spoken, message, generationInfo: { a: 1 } }], llmOutput: { b: 2 } }),
      ).asBytes();
      const result = decodeResult(stored);
      const own = result?.generations[0]?.message as AIMessage;
      expect(result?.llmOutput).toEqual({ b: 2 });
      expect(result?.generations[0]).toMatchObject({ text: spoken, generationInfo: { a: 1 } });
      expect(own).toBeInstanceOf(AIMessage);
      expect(own).not.toBe(message);
      expect(own.toDict()).toEqual(message.toDict());
    }),
    runs,
  );
});

test("messages have one identity exactly if they say the same", () => {
  const key = (message: AIMessage | HumanMessage): string =>
    requestKey({ operation: "x", prompt: messageIdentity(message) }).id;
  const counted = (given: object): string => {
    const { usage_metadata: _, ...others } = given as { usage_metadata?: unknown };
    return JSON.stringify(sorted(others));
  };
  fc.assert(
    fc.property(fields, fields, (one, other) => {
      expect(key(new AIMessage(one as never)) === key(new AIMessage(other as never))).toBe(
        counted(one) === counted(other),
      );
    }),
    runs,
  );
  expect(key(new AIMessage("a"))).not.toBe(key(new HumanMessage("a")));
});

/** Members in order; what constructors fill in is left out. */
function sorted(value: Json): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.entries(value)
    .filter(
      ([name, each]) =>
        name !== "__proto__" &&
        !(typeof each === "object" && each !== null && Object.keys(each).length === 0 && name !== "content"),
    )
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, each]) => [name, sorted(each as Json)]);
}

test("what is no stored answer is a miss, and only an assistant's message is stored", () => {
  for (const value of [null, 1, {}, { v: 2, generations: [] }, { v: 1 }])
    expect(decodeResult(Body.json(value))).toBeUndefined();
  expect(() => encodeResult({ generations: [{ text: "", message: new HumanMessage("x") }] })).toThrow(
    "Only messages of type ai",
  );
});
