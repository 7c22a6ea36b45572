import { cachedAnthropic } from "@llmcache/anthropic";
import { LLMCache } from "@llmcache/core";
import { drained, questionOf } from "./asking.ts";
import { sdkOf } from "./sdk.ts";
import type { Client } from "./tables.ts";
import type { Work } from "./work.ts";

type Given = Parameters<typeof cachedAnthropic>[0];

/** What is used of the official client. */
interface AnthropicClient extends Given {
  readonly messages: { create(body: object): Promise<unknown> };
}
type Constructor = new (options: object) => AnthropicClient;

export async function anthropic(url: string): Promise<Client> {
  const { default: Anthropic } = (await sdkOf("@llmcache/anthropic", "@anthropic-ai/sdk", "index.mjs")) as {
    readonly default: Constructor;
  };
  const workOf = (path: string, ask: (client: AnthropicClient, n: number) => Promise<unknown>): Work => {
    const client = new Anthropic({ apiKey: "none", baseURL: `${url}${path}`, maxRetries: 0 });
    const cache = new LLMCache();
    const cached = cachedAnthropic(client, cache) as unknown as AnthropicClient;
    return { cache, raw: (n) => ask(client, n), cached: (n) => ask(cached, n) };
  };
  const message = (question: string): object => ({
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
