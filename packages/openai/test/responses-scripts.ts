import type { ChatScript } from "@llmcache/testing/model-server";

const WEATHER = { id: "call_a", name: "weather", arguments: '{"city":"Köln 🙂"}' };
const CITATION = { type: "url_citation", url: "https://example.org", title: "A", start_index: 0, end_index: 1 };

/** Answers of all kinds that are stored, and can be told both in one piece and as a stream. */
export const RESPONSES_SCRIPTS: Readonly<Record<string, ChatScript>> = {
  text: { content: "Grüße 🙂 aus Köln" },
  "reasoning with a summary": { content: "4", reasoning: "two and two is four" },
  "reasoning that is told and sealed": {
    response: {
      output: [
        {
          id: "rs_1",
          type: "reasoning",
          status: "completed",
          summary: [
            { type: "summary_text", text: "**Adding**" },
            { type: "summary_text", text: "again" },
          ],
          content: [{ type: "reasoning_text", text: "two and two" }],
          encrypted_content: "gAAAAA==",
        },
        {
          id: "msg_1",
          type: "message",
          role: "assistant",
          status: "completed",
          phase: "final_answer",
          content: [{ type: "output_text", text: "4", annotations: [], logprobs: [] }],
        },
      ],
    },
  },
  "log probabilities": { content: "yes or no", logprobs: true },
  annotations: { content: "a [1]", annotations: [CITATION, { ...CITATION, start_index: 2, end_index: 5 }] },
  "a function call": { toolCalls: [WEATHER] },
  "parallel calls": { toolCalls: [WEATHER, { id: "call_b", name: "time", arguments: "{}" }] },
  "a call without arguments": { toolCalls: [{ id: "call_d", name: "ping", arguments: "" }] },
  "a custom tool": { toolCalls: [{ id: "call_c", name: "shell", input: "ls -l | wc" }] },
  "text beside a call": { content: "Let me see.", toolCalls: [WEATHER] },
  "several messages of several parts": {
    response: {
      output: [1, 2].map((n) => ({
        id: `msg_${n}`,
        type: "message",
        role: "assistant",
        status: "completed",
        content: [
          { type: "output_text", text: `part ${n}`, annotations: [] },
          { type: "output_text", text: "", annotations: [], future: { n } },
        ],
        future: n,
      })),
      members: { future: { field: [1, "2", null] }, moderation: null },
    },
  },
  "usage in detail": {
    content: "a",
    response: {
      members: {
        usage: {
          input_tokens: 3,
          input_tokens_details: { cached_tokens: 2 },
          output_tokens: 9,
          output_tokens_details: { reasoning_tokens: 7 },
          total_tokens: 12,
        },
      },
    },
  },
  padding: { content: "a b c", stream: { obfuscation: true } },
  "comments and other line ends": { content: "a b c", stream: { comments: true, newline: "\r" } },
};
