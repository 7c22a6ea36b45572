import type { JsonObject } from "@llmcache/core";
import fc from "fast-check";

const tokens = fc.array(fc.string({ maxLength: 4 }), { minLength: 1, maxLength: 4 });
const choice = fc.record(
  {
    text: fc.oneof(
      fc.string({ maxLength: 12 }),
      fc.string({ unit: "grapheme", maxLength: 6 }),
      fc.constantFrom("[DONE]", "\n\n", "\r"),
    ),
    logprobs: fc.oneof(
      fc.constant(null),
      fc.record({
        tokens,
        token_logprobs: fc.array(fc.oneof(fc.constant(null), fc.integer()), { maxLength: 4 }),
        top_logprobs: fc.array(fc.dictionary(fc.string(), fc.integer(), { maxKeys: 2 }), { maxLength: 3 }),
        text_offset: fc.array(fc.nat(), { maxLength: 4 }),
      }),
    ),
    finish_reason: fc.constantFrom("stop", "length", "content_filter"),
  },
  { requiredKeys: ["text", "finish_reason"] },
);

/** Completions of all kinds, also strange ones. */
export const completionAnswers: fc.Arbitrary<JsonObject> = fc
  .record({ model: fc.string({ minLength: 1 }), choices: fc.array(choice, { minLength: 1, maxLength: 3 }) })
  .map(({ model, choices }) => ({
    id: "1",
    object: "text_completion",
    created: 1,
    model,
    choices: choices.map((each, index) => ({ ...each, index })),
    usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
  }));
