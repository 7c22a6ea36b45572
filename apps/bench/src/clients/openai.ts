import { LLMCache } from "@llmcache/core";
import { cachedFetch } from "@llmcache/fetch";
import { cachedOpenAI, openAIFormats } from "@llmcache/openai";
import OpenAI from "openai";
import { drained, questionOf, textsOf } from "./asking.ts";
import type { Client } from "./tables.ts";
import type { Work } from "./work.ts";

const MODEL = "gpt-4o-mini";

/** The official client; embeddings come as base64, as it asks for them. */
export function openAI(url: string): Client {
  const workOf = (path: string, ask: (client: OpenAI, n: number) => Promise<unknown>): Work => {
    const client = new OpenAI({ apiKey: "none", baseURL: `${url}${path}`, maxRetries: 0 });
    const cache = new LLMCache();
    const cached = cachedOpenAI(client, cache);
    return { cache, raw: (n) => ask(client, n), cached: (n) => ask(cached, n) };
  };
  const chat = (question: string): { model: string; messages: { role: "user"; content: string }[] } => ({
    model: MODEL,
    messages: [{ role: "user", content: question }],
  });
  return {
    answer(request, answer) {
      const question = questionOf(request);
      return workOf(`/json/${answer}/v1`, (client, n) => client.chat.completions.create(chat(question(n))));
    },
    stream(chunks) {
      const question = questionOf(4096);
      return workOf(`/stream/${chunks}/v1`, async (client, n) =>
        drained(await client.chat.completions.create({ ...chat(question(n)), stream: true }), chunks),
      );
    },
    embeddings(texts) {
      const input = textsOf(texts);
      return workOf(`/vectors/${texts}/v1`, async (client, n) => {
        const { data } = await client.embeddings.create({ model: "text-embedding-3-small", input: input(n) });
        if (data.length !== texts || data[0]?.embedding.length !== 1536) throw new Error("other embeddings");
      });
    },
  };
}

/** No client: HTTP by hand. */
export function plainFetch(url: string): Client {
  const workOf = (
    path: string,
    bodyOf: (n: number) => object,
    read: (response: Response) => Promise<unknown>,
  ): Work => {
    const cache = new LLMCache();
    const cached = cachedFetch(cache, { formats: openAIFormats() });
    const ask = async (by: typeof fetch, n: number): Promise<unknown> =>
      read(
        await by(`${url}${path}`, {
          method: "POST",
          headers: { "content-type": "application/json", authorization: "Bearer none" },
          body: JSON.stringify(bodyOf(n)),
        }),
      );
    return { cache, raw: (n) => ask(fetch, n), cached: (n) => ask(cached, n) };
  };
  const chat = (question: string): object => ({ model: MODEL, messages: [{ role: "user", content: question }] });
  return {
    answer(request, answer) {
      const question = questionOf(request);
      return workOf(
        `/json/${answer}/v1/chat/completions`,
        (n) => chat(question(n)),
        (response) => response.json(),
      );
    },
    stream(chunks) {
      const question = questionOf(4096);
      return workOf(
        `/stream/${chunks}/v1/chat/completions`,
        (n) => ({ ...chat(question(n)), stream: true }),
        (response) => response.text(),
      );
    },
    embeddings(texts) {
      const input = textsOf(texts);
      return workOf(
        `/vectors/${texts}/v1/embeddings`,
        (n) => ({ model: "text-embedding-3-small", input: input(n), encoding_format: "base64" }),
        (response) => response.json(),
      );
    },
  };
}
