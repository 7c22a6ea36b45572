import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { LLMCache, MapStore } from "@llmcache/core";
import { createGateway, type Gateway, type GatewayOptions, type Upstream } from "@llmcache/gateway";
import { createGate, startModelServer, type ModelServer } from "@llmcache/testing/model-server";
import OpenAI from "openai";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

let model: ModelServer;
let cache: LLMCache;
let gateway: Gateway;
let url: string;

async function open(upstream: Partial<Upstream> = {}, options: Partial<GatewayOptions> = {}): Promise<void> {
  gateway = createGateway({
    cache,
    upstreams: [{ name: "model", api: "openai", baseURL: model.baseURL, ...upstream }],
    maxBodyBytes: 100_000,
    ...options,
  });
  gateway.server.listen(0, "127.0.0.1");
  await once(gateway.server, "listening");
  url = `http://127.0.0.1:${(gateway.server.address() as AddressInfo).port}`;
}

async function close(): Promise<void> {
  await gateway.close(0);
}

beforeEach(async () => {
  model = await startModelServer();
  cache = new LLMCache({ store: new MapStore() });
  await open();
});

afterEach(async () => {
  await close();
  await cache.settled();
  await model.close();
});

const question = { model: "gpt-4o-mini", messages: [{ role: "user" as const, content: "Say hello." }] };

async function ask(body: object = question, headers: Record<string, string> = {}): Promise<Response> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  return response;
}

async function statusOf(response: Promise<Response>): Promise<string | null> {
  const answer = await response;
  await answer.arrayBuffer();
  await cache.settled();
  return answer.headers.get("cache-status");
}

describe("answers", () => {
  test("a miss, then a hit with the same bytes and its age", async () => {
    const first = await ask();
    expect(first.headers.get("cache-status")).toBe("llmcache; fwd=miss; stored");
    const text = await first.text();
    await cache.settled();
    const second = await ask();
    expect(second.headers.get("cache-status")).toBe("llmcache; hit");
    expect(second.headers.get("age")).toBe("0");
    expect(second.headers.get("x-llmcache-key")).toMatch(/^[0-9a-f]{64}$/);
    expect(second.headers.get("content-type")).toMatch(/^application\/json/);
    expect(await second.text()).toBe(text);
    expect(model.count()).toBe(1);
  });

  test("a stream is passed on as it comes, and stored when it has ended", async () => {
    const gate = createGate();
    model.enqueue({
      content: "one two",
      stream: { pieces: ["one ", "two"], gate: (index) => (index < 3 ? undefined : gate.opened) },
    });
    const response = await ask({ ...question, stream: true });
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    while (!text.includes("one ")) text += (await reader.read()).value;
    expect(text).not.toContain("[DONE]");
    gate.open();
    for (let next = await reader.read(); !next.done; next = await reader.read()) text += next.value;
    expect(text).toContain("[DONE]");
    await cache.settled();
    const again = await ask({ ...question, stream: true });
    expect(again.headers.get("cache-status")).toBe("llmcache; hit");
    expect(await again.text()).toBe(text);
  });

  test("the official client works, streamed or not", async () => {
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "sk-test", maxRetries: 0 });
    const first = await client.chat.completions.create(question);
    await cache.settled();
    expect(await client.chat.completions.create(question)).toEqual(first);
    let text = "";
    for await (const chunk of await client.chat.completions.create({ ...question, stream: true }))
      text += chunk.choices[0]?.delta.content ?? "";
    expect(text).toBe(first.choices[0]!.message.content);
    expect(model.count()).toBe(1);
  });

  test("everything else passes: other paths, methods, statuses and bodies", async () => {
    const models = await fetch(`${url}/v1/models`);
    expect(((await models.json()) as { data: unknown[] }).data.length).toBeGreaterThan(0);
    expect(models.headers.get("cache-status")).toBeNull();
    model.enqueue({ raw: { status: 201, headers: { "x-own": "yes" }, body: "made" } });
    const other = await fetch(`${url}/v1/files?purpose=x`, { method: "POST", body: "a file" });
    expect([other.status, other.headers.get("x-own"), await other.text()]).toEqual([201, "yes", "made"]);
    expect(model.requests.at(-1)).toMatchObject({ method: "POST", path: "/v1/files" });
    expect(model.requests.at(-1)!.query.get("purpose")).toBe("x");
    expect(model.requests.at(-1)!.body.toString()).toBe("a file");
  });

  test("an upstream error is handed on and not stored", async () => {
    model.enqueue({ error: { status: 429, headers: { "retry-after": "7" } } });
    const refused = await ask();
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "7"]);
    await refused.arrayBuffer();
    expect(await statusOf(ask())).toBe("llmcache; fwd=miss; stored");
  });

  test("an upstream that cannot be reached is a 502 that says so", async () => {
    await model.close();
    const response = await ask();
    expect(response.status).toBe(502);
    expect(((await response.json()) as { error: { message: string } }).error.message).toContain("ECONNREFUSED");
  });

  test("a client that goes away takes its request to the upstream with it", async () => {
    model.enqueue({ hang: true });
    const gone = new AbortController();
    const asked = fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      body: JSON.stringify(question),
      signal: gone.signal,
    });
    const request = await model.waitFor(1);
    gone.abort();
    await expect(asked).rejects.toThrow();
    await request.ended;
    expect(request.aborted).toBe(true);
  });
});

describe("controls", () => {
  test("Cache-Control asks anew, forbids to ask, or to store", async () => {
    expect(await statusOf(ask(question, { "cache-control": "no-store" }))).toBe("llmcache; fwd=miss");
    expect(await statusOf(ask())).toBe("llmcache; fwd=miss; stored");
    expect(await statusOf(ask(question, { "cache-control": "no-cache" }))).toBe("llmcache; fwd=request; stored");
    const missing = await ask({ ...question, temperature: 0 }, { "cache-control": "only-if-cached" });
    expect(missing.status).toBe(504);
    expect(((await missing.json()) as { error: { code: string } }).error.code).toBe("ERR_LLMCACHE_MISS");
    expect(model.count()).toBe(3);
  });

  test("a control that nobody can follow is a 400 that names it", async () => {
    const response = await ask(question, { "cache-control": "ttl=soon" });
    expect(response.status).toBe(400);
    expect(((await response.json()) as { error: { message: string } }).error.message).toContain("ttl");
    expect(model.count()).toBe(0);
  });

  test("a namespace of the caller's own is kept apart, and the upstream never sees it", async () => {
    expect(await statusOf(ask())).toContain("fwd=miss");
    expect(await statusOf(ask(question, { "x-llmcache-namespace": "seed-2" }))).toContain("fwd=miss");
    expect(await statusOf(ask(question, { "x-llmcache-namespace": "seed-2" }))).toContain("hit");
    expect(model.requests.every((request) => request.headers["x-llmcache-namespace"] === undefined)).toBe(true);
  });
});

describe("callers", () => {
  test("callers with different credentials never share an entry", async () => {
    for (const headers of [
      {},
      { authorization: "Bearer a" },
      { authorization: "Bearer b" },
      { "api-key": "a" },
    ] as Record<string, string>[]) {
      expect(await statusOf(ask(question, headers))).toContain("fwd=miss");
      expect(await statusOf(ask(question, headers))).toContain("hit");
    }
    expect(model.count()).toBe(4);
  });

  test("nobody can name himself into another's namespace", async () => {
    await statusOf(ask(question, { authorization: "Bearer a" }));
    const key = (await ask(question, { authorization: "Bearer a" })).headers.get("x-llmcache-key")!;
    const tenant = (await cache.get({ id: key }, { decode: () => "there" }))!.head!.metadata.namespace!;
    expect(await statusOf(ask(question, { "x-llmcache-namespace": tenant }))).toContain("fwd=miss");
    expect(await statusOf(ask(question, { authorization: "Bearer b", "x-llmcache-namespace": tenant }))).toContain(
      "fwd=miss",
    );
  });

  test("credentials are in no entry", async () => {
    await statusOf(ask(question, { authorization: "Bearer sk-very-secret" }));
    for await (const { head, body } of cache.store.entries!({ bodies: true })) {
      expect(JSON.stringify(head) + Buffer.from(body!.bytes()).toString()).not.toContain("sk-very-secret");
    }
  });

  test("the gateway's own key stands in only for callers who bring none", async () => {
    await close();
    await open({ apiKey: "sk-gateway" });
    await statusOf(ask());
    await statusOf(ask(question, { authorization: "Bearer sk-caller" }));
    expect(model.requests.map((request) => request.headers.authorization)).toEqual([
      "Bearer sk-gateway",
      "Bearer sk-caller",
    ]);
  });

  test("a web page of another host is refused, as is a foreign Host header", async () => {
    expect((await ask(question, { origin: "https://evil.example" })).status).toBe(403);
    expect((await ask(question, { origin: "http://localhost:3000" })).status).toBe(200);
    const rebound = httpRequest(`${url}/v1/models`, { headers: { host: "evil.example" } });
    rebound.end();
    const [response] = (await once(rebound, "response")) as [import("node:http").IncomingMessage];
    response.resume();
    expect(response.statusCode).toBe(403);
    expect(model.count()).toBe(1);
  });
});

describe("bodies", () => {
  test("a body beyond the limit is a 413 and goes nowhere", async () => {
    const response = await ask({ ...question, user: "x".repeat(200_000) });
    expect(response.status).toBe(413);
    expect(model.count()).toBe(0);
  });

  test("a chunked body from a raw socket is understood", async () => {
    const body = JSON.stringify(question);
    const socket = connect({ port: Number(new URL(url).port), host: "127.0.0.1" });
    socket.write(
      "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
    );
    for (const piece of [body.slice(0, 10), body.slice(10)])
      socket.write(`${piece.length.toString(16)}\r\n${piece}\r\n`);
    socket.write("0\r\n\r\n");
    let answer = "";
    for await (const chunk of socket) answer += String(chunk);
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(answer).toContain("cache-status: llmcache; fwd=miss; stored");
  });

  test("what is no JSON goes to the upstream, whose answer comes back", async () => {
    const response = await fetch(`${url}/v1/chat/completions`, { method: "POST", body: "not json" });
    expect(response.status).toBe(400);
    expect(model.count()).toBe(1);
  });
});
