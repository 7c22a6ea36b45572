import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { LLMCache } from "@llmcache/core";
import { MemoryStore } from "@llmcache/memory";
import { createGateway } from "@llmcache/gateway";
import { EXCHANGES } from "./exchanges.ts";
import { serve } from "./serving.ts";

// The gateway over a store in memory, and a model that answers the same each time.
const { answer, contentType } = EXCHANGES[process.argv[2] as keyof typeof EXCHANGES];

const model = createServer((request, response) => {
  request.resume();
  request.on("end", () => {
    response.writeHead(200, { "content-type": contentType });
    response.end(answer);
  });
});
model.listen(0, "127.0.0.1");
await once(model, "listening");

const baseURL = `http://127.0.0.1:${(model.address() as AddressInfo).port}/v1`;
const cache = new LLMCache({ store: new MemoryStore(), ttl: "7d" });
serve(createGateway({ cache, upstreams: [{ name: "model", api: "openai", baseURL }] }).server);
