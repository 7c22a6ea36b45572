import type { CacheRequest, JsonObject } from "@llmcache/core";

const WORDS =
  "the quick answer of a model to a question that somebody asked before is kept under a key made of all that was asked".split(
    " ",
  );

/** Text of about so many characters, the same each time. */
export function textOf(characters: number, seed: number): string {
  let text = "";
  for (let i = seed; text.length < characters; i = (i * 7 + 3) % 1009) text += `${WORDS[i % WORDS.length]} `;
  return text;
}

const TOOLS = [
  {
    type: "function",
    function: {
      name: "search",
      parameters: { type: "object", properties: { query: { type: "string" } }, required: ["query"] },
    },
  },
];

/** A request whose prompt is one text. */
export type ChatSample = CacheRequest & { readonly prompt: string };

/** A chat request of about so many bytes: several turns, a few settings, and (unless it is small) a tool. */
export function requestOf(bytes: number, seed = 1, withTools = bytes >= 1024): ChatSample {
  const turns = Math.max(1, Math.min(12, Math.floor(bytes / 700)));
  const size = Math.max(40, Math.floor((bytes - (withTools ? 300 : 180)) / (turns + 1)));
  const context = Array.from({ length: turns }, (_, turn) => ({
    role: turn === 0 ? "system" : turn % 2 === 1 ? "user" : "assistant",
    content: textOf(size, seed + turn),
  }));
  return {
    operation: "chat.completions",
    provider: "https://api.openai.com/v1",
    model: "gpt-4o-mini",
    settings: {
      temperature: 0.2,
      max_tokens: 400,
      ...(withTools ? { tools: TOOLS } : {}),
    },
    context,
    prompt: textOf(size, seed + 99),
  };
}

/** A chat completion of about so many bytes. */
export function answerOf(bytes: number, seed = 1): JsonObject {
  return {
    id: `chatcmpl-${seed}`,
    object: "chat.completion",
    created: 1_700_000_000,
    model: "gpt-4o-mini-2024-07-18",
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: textOf(bytes - 450, seed), refusal: null },
        logprobs: null,
        finish_reason: "stop",
      },
    ],
    usage: {
      prompt_tokens: 1000,
      completion_tokens: 800,
      total_tokens: 1800,
      prompt_tokens_details: { cached_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: 0 },
    },
    system_fingerprint: "fp_1",
  };
}

/** The same request but for a few characters at its end. */
export function variant(request: ChatSample, number: number): ChatSample {
  return { ...request, prompt: `${request.prompt} ${number}` };
}
