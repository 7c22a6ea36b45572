import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { createGateway } from "@llmcache/gateway";
import { LLMCache } from "@llmcache/core";
import { createGate } from "@llmcache/testing/model-server";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { allOf, ask, listen, question, raw, stage, statusOf, untilMatches, type Stage } from "./gateway-stage.ts";

let staged: Stage;
const BODY_TIMEOUT_MS = 400;

beforeEach(async () => {
  staged = await stage({ bodyTimeoutMs: BODY_TIMEOUT_MS, headersTimeoutMs: 400 });
});
afterEach(() => staged[Symbol.asyncDispose]());

const body = JSON.stringify(question);
const HEAD = "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n";
const LAST = `${HEAD}Connection: close\r\n`;
const sized = (head: string, text = body): string => `${head}Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;

describe("requests", () => {
  test("chunked bodies, cut anywhere, are one body, and the same request as one that has a length", async () => {
    await statusOf(staged, ask(staged));
    const pieces = body.split("").map((letter) => `1\r\n${letter}\r\n`);
    const answer = await allOf(raw(staged, `${LAST}Transfer-Encoding: chunked\r\n\r\n`, ...pieces, "0\r\n\r\n"));
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(answer).toContain("cache-status: llmcache; hit\r\n");
    expect(staged.model.count()).toBe(1);
  });

  test("a connection is kept for the next request, and requests sent at once are answered in order", async () => {
    await statusOf(staged, ask(staged));
    await statusOf(staged, ask(staged));
    const slow = { ...question, model: "slow" };
    const gate = createGate();
    staged.model.enqueue({ content: "late", gate: gate.opened });
    const socket = raw(staged, sized(HEAD, JSON.stringify(slow)), sized(HEAD), sized(LAST));
    await staged.model.waitFor(2);
    gate.open();
    const answers = (await allOf(socket)).split(/(?=HTTP\/1\.1 )/);
    expect(answers.map((each) => /cache-status: ([^\r]*)/.exec(each)?.[1])).toEqual([
      "llmcache; fwd=miss; stored",
      "llmcache; hit",
      "llmcache; hit",
    ]);
    expect(answers[0]).toContain("late");
  });

  test("Expect: 100-continue is answered before the body is sent, and not where it is not wanted", async () => {
    const socket = raw(staged, `${LAST}Expect: 100-continue\r\nContent-Length: ${body.length}\r\n\r\n`);
    await untilMatches(socket, /^HTTP\/1\.1 100 Continue\r\n\r\n/);
    socket.write(body);
    expect(await allOf(socket)).toMatch(/^HTTP\/1\.1 200 OK/);
    for (const [head, status] of [
      [`${HEAD}Expect: 100-continue\r\nContent-Length: 200000\r\n\r\n`, 413],
      [HEAD.replace("127.0.0.1", "evil.example") + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n", 403],
      [`${HEAD}Expect: tea\r\nContent-Length: 5\r\nConnection: close\r\n\r\n`, 417],
    ] as const) {
      const answer = await allOf(raw(staged, head));
      expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
      expect(answer).not.toContain("100 Continue");
    }
    expect(staged.model.count()).toBe(1);
  });

  test("lengths that contradict each other are refused, and nothing reaches the upstream", async () => {
    for (const heads of [
      `Content-Length: 5\r\nContent-Length: 6\r\n`,
      `Content-Length: 5\r\nTransfer-Encoding: chunked\r\n`,
      `Transfer-Encoding: chunked, identity\r\n`,
      `Transfer-Encoding : chunked\r\n`,
      `Content-Length: -1\r\n`,
      `Content-Length: 5, 5\r\n`,
    ]) {
      const answer = await allOf(raw(staged, `${HEAD}${heads}\r\n0\r\n\r\nGET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n`));
      expect(answer, heads).toMatch(/^HTTP\/1\.1 400 /);
    }
    expect(staged.model.count()).toBe(0);
  });

  test("senders that stop in the headers or the body are let go", async () => {
    expect(await allOf(raw(staged, "POST /v1/chat"))).toMatch(/^HTTP\/1\.1 408 /);
    const stopped = await allOf(raw(staged, `${HEAD}Content-Length: 100\r\n\r\n{"mod`));
    expect(stopped).toMatch(/^HTTP\/1\.1 408 /);
    expect(stopped).toContain("body_timeout");
    // Also where the body is passed on as it comes.
    const passing = raw(staged, `POST /v1/files HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\nabc`);
    passing.on("error", () => undefined);
    await once(passing, "close");
    expect(staged.records.map(({ status }) => status)).toContain(408);
  });

  test("a slow sender is waited for, as long as something comes", async () => {
    const socket = raw(staged, `${LAST}Content-Length: ${body.length}\r\n\r\n`);
    const pieces = 8;
    const size = Math.ceil(body.length / pieces);
    for (let i = 0; i < pieces; i++) {
      socket.write(body.slice(i * size, (i + 1) * size));
      await new Promise((resolve) => setTimeout(resolve, BODY_TIMEOUT_MS / 4));
    }
    expect(await allOf(socket)).toMatch(/^HTTP\/1\.1 200 OK/);
  });

  test("a sender that leaves in the middle is forgotten", async () => {
    const socket = raw(staged, `${HEAD}Content-Length: 100\r\n\r\n{"mod`);
    await once(staged.gateway.server, "request");
    socket.destroy();
    while (staged.records.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(staged.records).toMatchObject([{ status: 499, cache: "none", operation: "chat.completions" }]);
    expect(staged.model.count()).toBe(0);
  });

  test("whole URLs are taken as targets, other targets are not; nobody reaches another host", async () => {
    const whole = `GET http://127.0.0.1/v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`;
    expect(await allOf(raw(staged, whole))).toMatch(/^HTTP\/1\.1 200 OK/);
    const foreign = ["//evil.example/v1/models", "/@evil.example/"];
    for (const target of foreign)
      await allOf(raw(staged, `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`));
    expect(staged.model.count()).toBe(1 + foreign.length);
    expect(await allOf(raw(staged, "OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"))).toMatch(
      / 400 /,
    );
    expect(await allOf(raw(staged, "TRACE /v1/x HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"))).toMatch(
      / 405 /,
    );
  });
});

describe("answers", () => {
  /** A gateway over a server that does as it is told. */
  async function over(listener: RequestListener): Promise<{ readonly port: number; close(): Promise<void> }> {
    const upstream: Server = createServer(listener);
    upstream.listen(0, "127.0.0.1");
    await once(upstream, "listening");
    const baseURL = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/v1`;
    const gateway = createGateway({ cache: new LLMCache(), upstreams: [{ name: "x", api: "openai", baseURL }] });
    const port = await listen(gateway);
    return {
      port,
      async close() {
        await gateway.close(0);
        upstream.closeAllConnections();
        upstream.close();
      },
    };
  }
  const get = (path: string, method = "GET", more = ""): string =>
    `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n${more}\r\n`;

  test("statuses without a body, redirects and HEAD come as they are", async () => {
    const { port, close } = await over((request, response) => {
      const status = Number(request.url?.split("/").at(-1));
      response.writeHead(status, {
        location: "/elsewhere",
        etag: '"1"',
        ...(status < 300 && status !== 204 ? { "content-length": 5 } : {}),
      });
      response.end(status === 200 && request.method !== "HEAD" ? "12345" : undefined);
    });
    for (const status of [204, 304, 302, 307]) {
      const answer = await allOf(raw({ port }, get(`/v1/${status}`)));
      expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
      expect(answer).toContain("location: /elsewhere\r\n");
      expect(answer.split("\r\n\r\n")[1]).toMatch(/^0?$/);
    }
    const whole = await allOf(raw({ port }, get("/v1/200")));
    expect(whole).toContain("content-length: 5\r\n");
    expect(whole).not.toContain("chunked");
    const head = await allOf(raw({ port }, get("/v1/200", "HEAD")));
    expect(head).toContain("content-length: 5\r\n");
    expect(head.endsWith("\r\n\r\n")).toBe(true);
    await close();
  });

  test("headers of a connection go no further, those that it names included; encodings are taken off", async () => {
    let seen: IncomingMessage["headers"] = {};
    const { port, close } = await over((request, response) => {
      seen = request.headers;
      const zipped = gzipSync("unzipped");
      response.writeHead(200, {
        "content-encoding": "gzip",
        "content-length": zipped.byteLength,
        connection: "keep-alive, x-hop",
        "x-hop": "1",
        "x-own": "2",
        "proxy-authenticate": "Basic",
        "set-cookie": ["a=1", "b=2"],
      });
      response.end(zipped);
    });
    const sent =
      "X-Own: 1\r\nX-Hop: 2\r\nTE: trailers\r\nProxy-Authorization: Basic x\r\nUpgrade: h2c\r\nKeep-Alive: 1\r\n";
    const answer = await allOf(
      raw({ port }, `GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close, X-Hop\r\n${sent}\r\n`),
    );
    expect(seen["x-own"]).toBe("1");
    for (const name of ["x-hop", "te", "proxy-authorization", "upgrade"]) expect(seen[name], name).toBeUndefined();
    expect(answer).toContain("x-own: 2\r\n");
    expect(answer).toContain("set-cookie: a=1\r\nset-cookie: b=2\r\n");
    expect(answer).not.toMatch(/x-hop|content-encoding|content-length|proxy-authenticate/i);
    expect(answer).toContain("unzipped");
    await close();
  });

  test("bodies of what is not cached go through as they come, with their length, and wait for their reader", async () => {
    const arrived = Promise.withResolvers<IncomingMessage>();
    const { port, close } = await over((request) => arrived.resolve(request));
    const total = 64 * 1024 * 1024;
    const socket = connect({ port, host: "127.0.0.1" });
    socket.on("error", () => undefined);
    socket.write(`POST /v1/files HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${total}\r\n\r\n`);
    let sent = 0;
    const piece = Buffer.alloc(1024 * 1024);
    const push = (): void => {
      while (sent < total && socket.write(piece)) sent += piece.byteLength;
    };
    socket.on("drain", push);
    push();
    const request = await arrived.promise;
    expect(request.headers["content-length"]).toBe(String(total));
    // Nobody reads there: here the sender is held up.
    let before = -1;
    while (sent !== before) {
      before = sent;
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
    expect(sent).toBeLessThan(total / 2);
    let received = 0;
    for await (const chunk of request) received += (chunk as Buffer).byteLength;
    expect(received).toBe(total);
    socket.destroy();
    await close();
  });

  test("an answer that nobody reads holds its upstream up", async () => {
    const taken = { bytes: 0 };
    const { port, close } = await over((_request, response) => {
      const piece = Buffer.alloc(1024 * 1024);
      const push = (): void => {
        taken.bytes += piece.byteLength;
        if (taken.bytes < 256 * 1024 * 1024) response.write(piece, (error) => (error ? undefined : push()));
      };
      push();
    });
    const socket = raw({ port }, get("/v1/models"));
    socket.pause();
    let before = -1;
    while (taken.bytes === 0 || taken.bytes !== before) {
      before = taken.bytes;
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
    expect(taken.bytes).toBeLessThan(100 * 1024 * 1024);
    socket.destroy();
    await close();
  });

  test("an answer that is cut looks cut, with a length and without, and is not stored", async () => {
    for (const path of ["/v1/models", "/v1/chat/completions"]) {
      for (const length of [undefined, 1000]) {
        const { port, close } = await over((request, response) => {
          request.resume();
          request.on("end", () => {
            response.writeHead(200, {
              "content-type": "text/event-stream",
              ...(length === undefined ? {} : { "content-length": length }),
            });
            response.write('data: {"choices":[]}\n\n', () => response.destroy());
          });
        });
        const asked = path === "/v1/models" ? get(path) : sized(LAST, JSON.stringify({ ...question, stream: true }));
        const socket = raw({ port }, asked);
        socket.on("error", () => undefined);
        let answer = "";
        socket.on("data", (chunk) => (answer += String(chunk)));
        await once(socket, "close");
        expect(answer, path).toMatch(/^HTTP\/1\.1 200 /);
        expect(answer).toContain("data: ");
        expect(answer.endsWith("0\r\n\r\n")).toBe(false);
        await close();
      }
    }
  });

  test("a reader that leaves takes its stream to the upstream with it", async () => {
    staged.model.enqueue({ stream: { gate: (index) => (index < 2 ? undefined : new Promise(() => undefined)) } });
    const socket = raw(staged, sized(HEAD, JSON.stringify({ ...question, stream: true })));
    await untilMatches(socket, /data: /);
    socket.destroy();
    const request = await staged.model.waitFor(1);
    await request.ended;
    expect(request.aborted).toBe(true);
  });

  test("two who ask the same share one stream; one who leaves does not end the other's", async () => {
    const gate = createGate();
    staged.model.enqueue({ content: "one two", stream: { gate: (index) => (index < 2 ? undefined : gate.opened) } });
    const asked = sized(LAST, JSON.stringify({ ...question, stream: true }));
    const [first, second] = [raw(staged, asked), raw(staged, asked)];
    await Promise.all([untilMatches(first, /data: /), untilMatches(second, /data: /)]);
    first.destroy();
    gate.open();
    expect(await allOf(second)).toContain("[DONE]");
    expect(staged.model.count()).toBe(1);
  });
});
