import fc from "fast-check";
import OpenAI from "openai";
import { LLMCache, MapStore } from "@llmcache/core";
import {
  startModelServer,
  type EmbeddingsScript,
  type ModelServer,
  type RecordedRequest,
} from "@llmcache/testing/model-server";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cachedOpenAI } from "../src/index.ts";

const RUNS = process.env["LLMCACHE_TEST_FULL"] === "1" ? 10_000 : 150;

type Input = string | number[];

let server: ModelServer;
let truth: ModelServer;

beforeAll(async () => {
  [server, truth] = await Promise.all([startModelServer(), startModelServer()]);
});
afterAll(() => Promise.all([server.close(), truth.close()]));

const item = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom<Input>("a", "b", "c", "d", "a longer text", "1", "[1]", "") },
  { weight: 2, arbitrary: fc.constantFrom<Input>([1], [2], [1, 2], [12]) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 6 }) },
);

/** One call: some of it may have been asked before. */
const call = fc.record({
  input: fc.oneof(
    fc.array(item, { minLength: 1, maxLength: 12 }),
    fc.constantFrom<string | number[]>("a", "1", [1, 2], [12]),
  ),
  encoding: fc.constantFrom("float" as const, "base64" as const, undefined),
  script: fc.record({
    order: fc.constantFrom<NonNullable<EmbeddingsScript["order"]>>("asked", "reversed", "shuffled"),
    usage: fc.option(
      fc.nat({ max: 50 }).map((tokens) => ({ prompt_tokens: tokens, total_tokens: tokens })),
      { nil: undefined },
    ),
  }),
});

function itemsOf(input: readonly Input[] | Input): readonly Input[] {
  if (typeof input === "string") return [input];
  return input.every((each) => typeof each === "number") ? [input] : input;
}

function distinct(items: readonly Input[]): readonly Input[] {
  return [...new Map(items.map((each) => [JSON.stringify(each), each])).values()];
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, each) => all + each, 0);
}

test("any lists, asked one after the other: the answer is the provider's, who is asked for what is missing", async () => {
  const plain = new OpenAI({ apiKey: "any", baseURL: server.baseURL, maxRetries: 0, logLevel: "off" });
  const honest = plain.withOptions({ baseURL: truth.baseURL });
  await fc.assert(
    fc.asyncProperty(fc.array(call, { minLength: 1, maxLength: 6 }), async (calls) => {
      server.reset();
      truth.reset();
      const cache = new LLMCache({ store: new MapStore({ maxEntries: 10_000 }) });
      const client = cachedOpenAI(plain, cache);
      /** By item: its share of the usage. */
      const stored = new Map<string, number>();
      for (const { input, encoding, script } of calls) {
        server.reply({ embeddings: { numbers: "exact", order: script.order, ...usageOf(script.usage) } });
        truth.reply({ embeddings: { numbers: "exact" } });
        const params = {
          model: "m",
          input: input as OpenAI.EmbeddingCreateParams["input"],
          ...(encoding === undefined ? {} : { encoding_format: encoding }),
        };
        const items = itemsOf(input);
        const missing = distinct(items).filter((each) => !stored.has(JSON.stringify(each)));
        const before = server.count();
        const answer = await client.embeddings.create(params);
        await cache.settled();

        expect(answer.data).toStrictEqual((await honest.embeddings.create(params)).data);
        expect(server.count() - before).toBe(missing.length === 0 ? 0 : 1);
        if (missing.length > 0) {
          const { input: asked } = (server.requests.at(-1) as RecordedRequest).json() as { input: Input[] | Input };
          expect(itemsOf(asked)).toEqual(missing.length === items.length ? items : missing);
          const used = script.usage?.total_tokens ?? sum(missing.map(tokensOf));
          for (const [index, each] of missing.entries())
            stored.set(
              JSON.stringify(each),
              Math.floor(used / missing.length) + (index < used % missing.length ? 1 : 0),
            );
        }
        const used = sum(items.map((each) => stored.get(JSON.stringify(each)) ?? Number.NaN));
        expect(answer.usage).toEqual({ prompt_tokens: used, total_tokens: used });
      }
    }),
    { numRuns: RUNS },
  );
});

function usageOf(usage: EmbeddingsScript["usage"] | undefined): Pick<EmbeddingsScript, "usage"> {
  return usage === undefined ? {} : { usage };
}

/** As the model server counts. */
function tokensOf(input: Input): number {
  return Array.isArray(input) ? input.length : Math.ceil(input.length / 4);
}
