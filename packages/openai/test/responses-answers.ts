import type { JsonObject } from "@llmcache/core";
import fc from "fast-check";

const text = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.string({ unit: "grapheme", maxLength: 8 }),
  fc.constantFrom("[DONE]", "data: x\n\n", '"type":"response.completed"', "\u2028"),
);
const annotation = fc.record({ type: fc.constant("url_citation"), url: fc.webUrl(), start_index: fc.nat() });
const outputText = fc.record(
  {
    type: fc.constant("output_text"),
    text,
    annotations: fc.array(annotation, { maxLength: 2 }),
    logprobs: fc.array(fc.record({ token: text, logprob: fc.integer() }), { maxLength: 2 }),
    future: text,
  },
  { requiredKeys: ["type", "text", "annotations"] },
);
const refusal = fc.record({ type: fc.constant("refusal"), refusal: text });
const message = fc.record({
  type: fc.constant("message"),
  role: fc.constant("assistant"),
  status: fc.constantFrom("completed", "incomplete"),
  content: fc.array(fc.oneof({ weight: 5, arbitrary: outputText }, refusal), { maxLength: 3 }),
});
const reasoning = fc.record(
  {
    type: fc.constant("reasoning"),
    summary: fc.array(fc.record({ type: fc.constant("summary_text"), text }), { maxLength: 2 }),
    content: fc.array(fc.record({ type: fc.constant("reasoning_text"), text }), { maxLength: 2 }),
    encrypted_content: fc.oneof(fc.constant(null), text),
  },
  { requiredKeys: ["type", "summary"] },
);
const functionCall = fc.record({
  type: fc.constant("function_call"),
  call_id: fc.string({ minLength: 1 }),
  name: fc.string({ minLength: 1 }),
  arguments: fc.json(),
  status: fc.constant("completed"),
});
const customCall = fc.record({
  type: fc.constant("custom_tool_call"),
  call_id: fc.string({ minLength: 1 }),
  name: fc.string({ minLength: 1 }),
  input: text,
});

/** Responses of all kinds, also strange ones, that a stream can say. */
export const responseAnswers: fc.Arbitrary<JsonObject> = fc
  .record(
    {
      id: fc.string({ minLength: 1 }),
      model: fc.string({ minLength: 1 }),
      status: fc.constantFrom("completed", "incomplete"),
      output: fc.array(fc.oneof(message, reasoning, functionCall, customCall), { minLength: 1, maxLength: 4 }),
      usage: fc.record({ input_tokens: fc.nat(), output_tokens: fc.nat(), total_tokens: fc.nat() }),
      metadata: fc.dictionary(fc.string(), text, { maxKeys: 2 }),
      future: fc.jsonValue({ maxDepth: 2 }),
    },
    { requiredKeys: ["id", "model", "status", "output", "usage"] },
  )
  .map(({ output, status, ...rest }) => ({
    ...rest,
    object: "response",
    status,
    incomplete_details: status === "incomplete" ? { reason: "max_output_tokens" } : null,
    // Calls of one Response have different ids.
    output: output.map((item, index) => ({
      id: `item_${index}`,
      ...item,
      ...("call_id" in item ? { call_id: `${index} ${item.call_id}` } : {}),
    })),
    // As JSON has it: without -0.
  }))
  .map((answer) => JSON.parse(JSON.stringify(answer)) as JsonObject);
