import { Embeddings } from "@langchain/core/embeddings";
import { FakeListChatModel } from "@langchain/core/utils/testing";
import { LLMCache } from "@llmcache/core";
import { CachedEmbeddings, withCache } from "@llmcache/langchain";
import { textOf } from "../samples.ts";
import { drained, questionOf, textsOf } from "./asking.ts";
import type { Client } from "./tables.ts";
import type { Work } from "./work.ts";

/** `invoke`, `stream` and `embedDocuments`. */
export function langChain(): Client {
  const workOf = (text: string, ask: (model: FakeListChatModel, n: number) => Promise<unknown>): Work => {
    const model = new FakeListChatModel({ responses: [text] });
    const cache = new LLMCache();
    const cached = withCache(model, cache) as unknown as FakeListChatModel;
    return { cache, raw: (n) => ask(model, n), cached: (n) => ask(cached, n) };
  };
  return {
    answer(request, answer) {
      const question = questionOf(request);
      return workOf(textOf(answer, 1), (model, n) => model.invoke(question(n)));
    },
    stream(chunks) {
      const question = questionOf(4096);
      // A chunk a character.
      return workOf("x".repeat(chunks), async (model, n) => drained(await model.stream(question(n)), chunks));
    },
    embeddings(texts) {
      const documents = textsOf(texts);
      const raw = new InstantEmbeddings({});
      const cache = new LLMCache();
      const cached = new CachedEmbeddings(raw, cache, { identity: "instant" });
      return {
        cache,
        raw: (n) => raw.embedDocuments(documents(n)),
        cached: (n) => cached.embedDocuments(documents(n)),
      };
    },
  };
}

class InstantEmbeddings extends Embeddings {
  readonly #vector = Array.from({ length: 1536 }, (_, at) => Math.fround(Math.sin(at)));

  override async embedDocuments(documents: string[]): Promise<number[][]> {
    return documents.map(() => this.#vector);
  }

  override async embedQuery(): Promise<number[]> {
    return this.#vector;
  }
}
