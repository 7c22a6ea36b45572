import type { JsonObject } from "@llmcache/core";
import fc from "fast-check";

const text = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.string({ unit: "grapheme", maxLength: 8 }),
  fc.constantFrom("[DONE]", "data: x\n\n", "\r\n", "{}", "\u2028"),
);
const tokens = fc.array(
  fc.record({
    token: text,
    logprob: fc.double({ noNaN: true, noDefaultInfinity: true }).filter((n) => !Object.is(n, -0)),
  }),
  { minLength: 1, maxLength: 3 },
);
const functionCall = fc.record({
  id: fc.string({ minLength: 1 }),
  type: fc.constant("function"),
  function: fc.record({ name: fc.string({ minLength: 1 }), arguments: fc.json() }),
});
const customCall = fc.record({
  id: fc.string({ minLength: 1 }),
  type: fc.constant("custom"),
  custom: fc.record({ name: fc.string({ minLength: 1 }), input: text }),
});

const message = fc.record(
  {
    role: fc.constant("assistant"),
    content: fc.oneof(text, fc.constant(null)),
    refusal: fc.oneof(fc.constant(null), text),
    reasoning_content: text,
    tool_calls: fc.array(fc.oneof(functionCall, customCall), { minLength: 1, maxLength: 3 }),
  },
  { requiredKeys: ["role", "content"] },
);

const choice = fc.record(
  {
    message,
    logprobs: fc.oneof(fc.constant(null), fc.record({ content: tokens, refusal: fc.oneof(fc.constant(null), tokens) })),
    finish_reason: fc.constantFrom("stop", "length", "tool_calls", "content_filter"),
  },
  { requiredKeys: ["message", "finish_reason"] },
);

/** Chat answers of all kinds, also strange ones. */
export const chatAnswers: fc.Arbitrary<JsonObject> = fc
  .record({
    id: fc.string(),
    created: fc.nat(),
    model: fc.string({ minLength: 1 }),
    choices: fc.array(choice, { minLength: 1, maxLength: 3 }),
    usage: fc.record({ prompt_tokens: fc.nat(), completion_tokens: fc.nat(), total_tokens: fc.nat() }),
    system_fingerprint: fc.oneof(fc.constant(null), fc.string({ minLength: 1 })),
  })
  .map(({ choices, ...rest }) => ({
    ...rest,
    object: "chat.completion",
    choices: choices.map((each, index) => ({ index, ...each })),
  }));

/** What says nothing is left out by streams. */
export function telling(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(telling);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== null && !(Array.isArray(member) && member.length === 0))
      .map(([name, member]) => [name, telling(member)]),
  );
}

/** How many cases a property is tried on. */
export function runs(short: number): { readonly numRuns: number } {
  return { numRuns: process.env["LLMCACHE_TEST_FULL"] === "1" ? 100_000 : short };
}
