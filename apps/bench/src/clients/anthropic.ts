import Anthropic from "@anthropic-ai/sdk";
import { cachedAnthropic } from "@llmcache/anthropic";
import { LLMCache } from "@llmcache/core";
import { drained, questionOf } from "./asking.ts";
import type { Client } from "./tables.ts";
import type { Work } from "./work.ts";

export async function anthropic(url: string): Promise<Client> {
  const workOf = (path: string, ask: (client: Anthropic, n: number) => Promise<unknown>): Work => {
    const client = new Anthropic({ apiKey: "none", baseURL: `${url}${path}`, maxRetries: 0 });
    const cache = new LLMCache();
    const cached = cachedAnthropic(client, cache);
    return { cache, raw: (n) => ask(client, n), cached: (n) => ask(cached, n) };
  };
  const message = (question: string): Anthropic.MessageCreateParamsNonStreaming => ({
    model: "claude-sonnet-5",
    max_tokens: 1024,
    messages: [{ role: "user", content: question }],
  });
  return {
    answer(request, answer) {
      const question = questionOf(request);
      return workOf(`/json/${answer}`, (client, n) => client.messages.create(message(question(n))));
    },
    stream(chunks) {
      const question = questionOf(4096);
      return workOf(`/stream/${chunks}`, async (client, n) => {
        const stream = await client.messages.create({ ...message(question(n)), stream: true });
        await drained(stream as AsyncIterable<unknown>, chunks);
      });
    },
  };
}
