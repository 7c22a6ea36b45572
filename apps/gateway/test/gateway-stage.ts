import { once } from "node:events";
import { connect, type AddressInfo, type Socket } from "node:net";
import { LLMCache, MapStore, type LLMCacheOptions } from "@llmcache/core";
import { createGateway, type Gateway, type GatewayOptions, type RequestRecord, type Upstream } from "@llmcache/gateway";
import { startModelServer, type ModelServer } from "@llmcache/testing/model-server";

/** A gateway over a model server that speaks all three APIs. */
export interface Stage extends AsyncDisposable {
  readonly model: ModelServer;
  readonly cache: LLMCache;
  readonly gateway: Gateway;
  readonly url: string;
  readonly port: number;
  /** What was observed. */
  readonly records: RequestRecord[];
}

export async function stage(options: Partial<GatewayOptions> = {}, cacheOptions: LLMCacheOptions = {}): Promise<Stage> {
  const model = await startModelServer();
  const cache = new LLMCache({ store: new MapStore(), ...cacheOptions });
  const records: RequestRecord[] = [];
  const gateway = createGateway({
    cache,
    upstreams: threeOf(model),
    maxBodyBytes: 100_000,
    observe: (record) => records.push(record),
    ...options,
  });
  const port = await listen(gateway);
  return {
    model,
    cache,
    gateway,
    port,
    url: `http://127.0.0.1:${port}`,
    records,
    async [Symbol.asyncDispose]() {
      await gateway.close(0);
      await model.close();
    },
  };
}

/** One upstream for each API. */
export function threeOf(model: ModelServer): Upstream[] {
  return [
    { name: "openai", api: "openai", baseURL: model.baseURL },
    { name: "anthropic", api: "anthropic", baseURL: model.url },
    { name: "google", api: "google", baseURL: model.url },
  ];
}

export async function listen({ server }: Gateway): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

export const question = { model: "gpt-4o-mini", messages: [{ role: "user" as const, content: "Say hello." }] };

export function ask(
  { url }: Pick<Stage, "url">,
  body: object | string = question,
  headers: Record<string, string> = {},
  path = "/v1/chat/completions",
): Promise<Response> {
  return fetch(`${url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}

/** The Cache-Status of an answer that has been read, and stored. */
export async function statusOf(staged: Pick<Stage, "cache">, response: Promise<Response>): Promise<string | null> {
  const answer = await response;
  await answer.arrayBuffer();
  await staged.cache.settled();
  return answer.headers.get("cache-status");
}

/** A socket that has sent this. */
export function raw({ port }: Pick<Stage, "port">, ...pieces: readonly string[]): Socket {
  const socket = connect({ port, host: "127.0.0.1" });
  socket.setNoDelay(true);
  for (const piece of pieces) socket.write(piece);
  return socket;
}

/** All that comes until the other side closes. */
export async function allOf(socket: Socket): Promise<string> {
  let text = "";
  for await (const chunk of socket) text += String(chunk);
  return text;
}

/** What has come once it matches. @throws Error if the other side closes before */
export async function untilMatches(socket: Socket, pattern: RegExp): Promise<string> {
  let text = "";
  return new Promise((resolve, reject) => {
    socket.on("data", (chunk) => {
      text += String(chunk);
      if (pattern.test(text)) resolve(text);
    });
    socket.once("close", () => reject(new Error(`closed after: ${text}`)));
  });
}
