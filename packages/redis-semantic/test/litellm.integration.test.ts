import { useLiteEmbedder } from "@llmcache/embeddings";
import { afterAll, beforeAll, describe } from "vitest";
import { redisSemanticStore } from "@llmcache/redis-semantic";
import { someRedis } from "../../redis/test/servers.ts";
import { FIRST, registerExample } from "./litellm-example.ts";

const redis = someRedis();
const encoder = useLiteEmbedder({ from: import.meta.url });
beforeAll(() => encoder.embed([FIRST]));
afterAll(() => encoder[Symbol.asyncDispose]());

describe("LiteLLM's example with the Universal Sentence Encoder lite, threshold 0.8", () => {
  registerExample(encoder, (options) =>
    redisSemanticStore({ ...options, url: redis.url, prefix: `litellm-${process.pid}-redis` }),
  );
});
