import { GoogleGenAI } from "@google/genai";
import { LLMCache } from "@llmcache/core";
import { cachedGoogle } from "@llmcache/google";
import { drained, questionOf, textsOf } from "./asking.ts";
import type { Client } from "./tables.ts";
import type { Work } from "./work.ts";

const MODEL = "gemini-3-flash";

export async function google(url: string): Promise<Client> {
  const workOf = (path: string, ask: (client: GoogleGenAI, n: number) => Promise<unknown>): Work => {
    const client = new GoogleGenAI({ apiKey: "none", httpOptions: { baseUrl: `${url}${path}` } });
    const cache = new LLMCache();
    const cached = cachedGoogle(client, cache);
    return { cache, raw: (n) => ask(client, n), cached: (n) => ask(cached, n) };
  };
  return {
    answer(request, answer) {
      const question = questionOf(request);
      return workOf(`/json/${answer}`, (client, n) =>
        client.models.generateContent({ model: MODEL, contents: question(n) }),
      );
    },
    stream(chunks) {
      const question = questionOf(4096);
      return workOf(`/stream/${chunks}`, async (client, n) =>
        drained(await client.models.generateContentStream({ model: MODEL, contents: question(n) }), chunks),
      );
    },
    embeddings(texts) {
      const contents = textsOf(texts);
      return workOf(`/vectors/${texts}`, async (client, n) => {
        const { embeddings } = await client.models.embedContent({
          model: "gemini-embedding-001",
          contents: contents(n),
        });
        if (embeddings?.length !== texts || embeddings[0]?.values?.length !== 1536) throw new Error("other embeddings");
      });
    },
  };
}
