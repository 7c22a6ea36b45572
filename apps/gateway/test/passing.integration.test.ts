import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import { connect, createServer as createTcpServer, type AddressInfo, type Server } from "node:net";
import { LLMCache } from "@llmcache/core";
import { createGateway, type Upstream } from "@llmcache/gateway";
import { createGate } from "@llmcache/testing/model-server";
import { afterEach, describe, expect, test } from "vitest";
import { allOf, ask, listen, question, raw, statusOf, untilMatches } from "./gateway-stage.ts";

const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

interface Over {
  readonly port: number;
  readonly url: string;
  readonly cache: LLMCache;
}

/** A gateway over a server that does as it is told. */
async function over(server: Server, more: Partial<Upstream> = {}): Promise<Over> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const baseURL = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  const cache = new LLMCache();
  const gateway = createGateway({ cache, upstreams: [{ name: "x", api: "openai", baseURL, ...more }] });
  const port = await listen(gateway);
  closers.push(async () => {
    await gateway.close(0);
    server.close();
    if ("closeAllConnections" in server) (server.closeAllConnections as () => void)();
  });
  return { port, url: `http://127.0.0.1:${port}`, cache };
}

const overHttp = (listener: RequestListener, more?: Partial<Upstream>): Promise<Over> =>
  over(createServer(listener), more);

/** A server that sends these bytes to whatever it is asked. */
const saying = (bytes: Buffer): Server =>
  createTcpServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => socket.end(bytes));
  });

const answering = (content: string): string =>
  JSON.stringify({
    id: "1",
    object: "chat.completion",
    created: 1,
    model: question.model,
    choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
  });

describe("answers", () => {
  test("a reason phrase that nobody may send is left out, cached or passed on, and nothing breaks", async () => {
    const head = Buffer.from("HTTP/1.1 429 Zu viele … Anfragen\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}");
    const upstream = await over(saying(head));
    const answers = [
      await fetch(`${upstream.url}/v1/models`),
      await ask(upstream),
      await ask(upstream, { ...question, stream: true }),
      await ask(upstream, { model: "m", input: ["a", "b"] }, {}, "/v1/embeddings"),
    ];
    for (const answer of answers) {
      expect([answer.status, answer.statusText]).toEqual([429, "Too Many Requests"]);
      expect(await answer.text()).toBe("{}");
    }
  });

  test("a stream comes as it is sent, whatever type it says it has", async () => {
    const chunk = (content: string): string =>
      `data: ${JSON.stringify({ id: "1", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta: { content }, finish_reason: null }] })}\n\n`;
    for (const type of ["text/event-stream", "text/plain", "application/json", undefined]) {
      const gate = createGate();
      const { url } = await overHttp((request, response) => {
        request.resume();
        if (type !== undefined) response.setHeader("content-type", type);
        response.write(chunk("first"));
        void gate.opened.then(() => response.end(`${chunk("last")}data: [DONE]\n\n`));
      });
      const answer = await ask({ url }, { ...question, stream: true });
      const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
      const read = async (): Promise<string> => Buffer.from((await reader.read()).value ?? []).toString();
      expect(await read(), type).toContain("first");
      gate.open();
      expect(await read(), type).toContain("last");
      await reader.cancel();
    }
  });

  test("headers that are not ASCII are sent in the bytes in which they came", async () => {
    const value = Buffer.from("Grüße …").toString("latin1");
    const bytes = Buffer.from(`HTTP/1.1 200 OK\r\nX-Own: ${value}\r\nConnection: close\r\n\r\n{}`, "latin1");
    const { url } = await over(saying(bytes));
    for (const answer of [await fetch(`${url}/v1/models`), await ask({ url })]) {
      expect(Buffer.from(answer.headers.get("x-own") ?? "", "latin1").toString()).toBe("Grüße …");
      await answer.text();
    }
  });

  test("a body in a coding that nobody took off still says so", async () => {
    const { port } = await overHttp((_request, response) => {
      response.writeHead(200, { "content-encoding": "x-own", "content-length": 3 });
      response.end("abc");
    });
    const answer = await allOf(raw({ port }, "GET /v1/x HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"));
    expect(answer).toContain("content-encoding: x-own\r\ncontent-length: 3\r\n");
    expect(answer).toMatch(/abc$/);
  });
});

describe("bodies", () => {
  test("one that is answered before it was read to its end does not stop the next request on its connection", async () => {
    const early: IncomingMessage[] = [];
    const { port } = await overHttp((request, response) => {
      if (request.method === "POST") early.push(request);
      response.end(request.method);
    });
    const socket = connect({ port, host: "127.0.0.1" });
    const size = 8 * 1024 * 1024;
    socket.write(`POST /v1/files HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${size}\r\n\r\n`);
    socket.write(Buffer.alloc(size / 2));
    await untilMatches(socket, /POST/);
    socket.write(Buffer.alloc(size / 2));
    socket.write("GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
    expect(await allOf(socket)).toContain("GET");
    expect(early).toHaveLength(1);
  });

  test("that of a GET is not passed on, whatever it is", async () => {
    const { port } = await overHttp((request, response) => {
      const head = request.headers["content-length"] ?? request.headers["transfer-encoding"];
      response.end(`${request.method} with ${head}`);
    });
    for (const type of ["text/plain", "application/json"]) {
      const sent = `GET /v1/x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: ${type}\r\nContent-Length: 4\r\n\r\n{  }`;
      const next = "GET /v1/y HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
      const answer = await allOf(raw({ port }, sent, next));
      expect(answer.match(/GET with undefined/g), type).toHaveLength(2);
    }
  });
});

test("an upstream's name in keys stands for its own paths only: others of its host have other answers", async () => {
  const upstream = await overHttp(
    (request, response) => {
      request.resume();
      response.writeHead(200, { "content-type": "application/json" });
      response.end(answering(request.url ?? ""));
    },
    { provider: "named" },
  );
  const paths = ["/v1/chat/completions", "/other/v1/chat/completions", "/v1/chat/completions?version=2"];
  for (const path of paths) {
    expect(await statusOf(upstream, ask(upstream, question, {}, path)), path).toContain("fwd=miss; stored");
    for (const way of ["long", "short"]) {
      const answer = await ask(upstream, question, {}, path);
      expect(await answer.text(), way).toBe(answering(path));
      expect(answer.headers.get("cache-status"), way).toContain("hit");
    }
  }
});

test("a connection on which nothing has come yet does not hold up closing", async () => {
  const gateway = createGateway({
    cache: new LLMCache(),
    upstreams: [{ name: "x", api: "openai", baseURL: "http://127.0.0.1:9/v1" }],
  });
  const port = await listen(gateway);
  const socket = connect({ port, host: "127.0.0.1" });
  await once(gateway.server, "connection");
  const [closed] = await Promise.all([allOf(socket).catch(() => ""), gateway.close(1_000_000)]);
  expect(closed).toBe("");
});
