import { once } from "node:events";
import { request as ask } from "node:http";
import type { AddressInfo } from "node:net";
import { LLMCache } from "@llmcache/core";
import { startModelServer, type ModelServer } from "@llmcache/testing/model-server";
import type { GatewayOptions } from "../src/gateway-options.ts";
import { createGateway } from "../src/gateway.ts";
import { operations, type Operations, type OperationsOptions } from "../src/operations.ts";

export const TOKEN = "an-admin-token-of-some-length";
export const ADMIN: Readonly<Record<string, string>> = { authorization: `Bearer ${TOKEN}` };

/** A gateway with everything that operators ask of it, in front of a made-up model. */
export interface Operated extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly cache: LLMCache;
  readonly model: ModelServer;
  readonly operating: Operations;
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<Response>;
  send(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Response>;
  /** One chat completion, as this caller, until it is stored; its Cache-Status. */
  chat(content: string, more?: object, headers?: Readonly<Record<string, string>>): Promise<string | null>;
}

export async function startOperated(
  options: Partial<OperationsOptions> = {},
  gatewayOptions: Partial<GatewayOptions> = {},
): Promise<Operated> {
  const model = await startModelServer();
  const { cache = new LLMCache() } = options;
  const operating = operations({ processMetrics: false, adminToken: TOKEN, ...options, cache });
  const gateway = createGateway({
    cache,
    upstreams: [{ name: "demo", api: "openai", baseURL: model.baseURL, provider: "demo" }],
    endpoints: operating.endpoints,
    observe: operating.observe,
    ...gatewayOptions,
  });
  gateway.server.listen(0, "127.0.0.1");
  await once(gateway.server, "listening");
  const { port } = gateway.server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const send: Operated["send"] = (method, path, body, headers = ADMIN) =>
    fetch(`${url}${path}`, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  return {
    url,
    port,
    cache,
    model,
    operating,
    get: (path, headers = {}) => fetch(`${url}${path}`, { headers }),
    send,
    async chat(content, more = {}, headers = {}) {
      const question = { model: "gpt-4o-mini", messages: [{ role: "user", content }], ...more };
      const response = await send("POST", "/v1/chat/completions", question, {
        "content-type": "application/json",
        authorization: "Bearer sk-one",
        ...headers,
      });
      await response.arrayBuffer();
      await cache.settled();
      return response.headers.get("cache-status");
    },
    async [Symbol.asyncDispose]() {
      await gateway.close(0);
      await operating.close();
      await cache[Symbol.asyncDispose]();
      await model.close();
    },
  };
}

/** As `fetch` cannot: with headers that browsers keep for themselves. */
export async function rawGet(
  port: number,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<{ readonly status: number; readonly text: string }> {
  const sent = ask({ host: "127.0.0.1", port, path, headers, agent: false });
  sent.end();
  const [answer] = (await once(sent, "response")) as [import("node:http").IncomingMessage];
  let text = "";
  for await (const chunk of answer.setEncoding("utf8")) text += String(chunk);
  return { status: answer.statusCode ?? 0, text };
}

/** The lines of an answer in NDJSON. */
export async function linesOf(response: Response): Promise<readonly Record<string, unknown>[]> {
  const text = await response.text();
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
