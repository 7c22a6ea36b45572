import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { createGateway, type Caller, type OwnEndpoint } from "@llmcache/gateway";
import { LLMCache } from "@llmcache/core";
import { createGate, startModelServer } from "@llmcache/testing/model-server";
import { describe, expect, test } from "vitest";
import { allOf, ask, question, raw, stage, statusOf, threeOf, untilMatches } from "./gateway-stage.ts";

describe("upstreams", () => {
  test("a request goes to the one that has its model, wherever the model stands", async () => {
    await using other = await startModelServer();
    await using staged = await stage();
    await using routed = await stage({
      upstreams: [
        { name: "other", api: "openai", baseURL: other.baseURL, models: ["special-*", "whisper-*"] },
        { name: "azure", api: "openai", baseURL: other.baseURL, path: "azure" },
        ...threeOf(staged.model),
      ],
    });
    const form = (model: string): Promise<Response> => {
      const data = new FormData();
      data.append("file", new File([Buffer.alloc(100)], "a.mp3"));
      data.append("model", model);
      return fetch(`${routed.url}/v1/audio/transcriptions`, { method: "POST", body: data });
    };
    await statusOf(routed, ask(routed, { ...question, model: "special-1" }));
    await statusOf(routed, ask(routed, { model: "special-1", input: "x" }, {}, "/v1/audio/speech"));
    await statusOf(routed, form("whisper-1"));
    await statusOf(routed, ask(routed, question, {}, "/azure/v1/chat/completions"));
    expect(other.requests.map(({ path }) => path)).toEqual([
      "/v1/chat/completions",
      "/v1/audio/speech",
      "/v1/audio/transcriptions",
      "/v1/chat/completions",
    ]);
    expect(staged.model.count()).toBe(0);
    await statusOf(routed, ask(routed));
    await statusOf(routed, form("other"));
    expect(staged.model.count()).toBe(2);
    expect(routed.records.map(({ upstream }) => upstream)).toEqual([
      "other",
      "other",
      "other",
      "azure",
      "openai",
      "openai",
    ]);
  });

  test("what nobody speaks or has is a 404 that names what there is", async () => {
    await using staged = await stage({
      upstreams: [{ name: "only", api: "anthropic", baseURL: "http://127.0.0.1:1", models: ["c-*"] }],
    });
    const spoken = await ask(staged);
    expect([spoken.status, await spoken.json()]).toMatchObject([
      404,
      { error: { code: "not_found", message: expect.stringContaining("only (anthropic)") } },
    ]);
    const had = await ask(staged, { model: "d", max_tokens: 1, messages: [] }, {}, "/v1/messages");
    expect(had.status).toBe(404);
    expect(await had.json()).toMatchObject({
      type: "error",
      error: { message: expect.stringContaining("only (c-*)") },
    });
  });

  test.each([
    "/v1/messages/../../../secret",
    "/v1/messages/%2e%2E/x",
    "/v1/./chat/completions",
    "/v1/..",
    "/v1\\\\..\\\\secret",
    "http://any.test/v1/../secret",
  ])("the path %s leads upwards, and no upstream sees it", async (path) => {
    await using staged = await stage();
    const answer = await allOf(raw(staged, `GET ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`));
    expect(answer).toMatch(/^HTTP\/1\.1 400 [^]*leads upwards/);
    expect(staged.model.count()).toBe(0);
  });

  test("dots in names and in the query are what they are", async () => {
    await using staged = await stage();
    for (const path of ["/v1/models/gpt..4", "/v1/models/.hidden", "/v1/models?after=/../x"])
      await fetch(staged.url + path);
    expect(staged.model.count()).toBe(3);
  });

  test("headers that tell an upstream whom to ask count where it says so", async () => {
    await using staged = await stage();
    await using routed = await stage({
      upstreams: threeOf(staged.model).map((each) => ({ ...each, countedHeaders: ["Helicone-Target-Url"] })),
    });
    const to = (target: string) => statusOf(routed, ask(routed, question, { "helicone-target-url": target }));
    expect(await to("https://a.test")).toContain("fwd=miss");
    expect(await to("https://a.test")).toContain("hit");
    expect(await to("https://a.test")).toContain("hit");
    expect(await to("https://b.test")).toContain("fwd=miss");
    expect(staged.model.count()).toBe(2);
  });

  test("a key that no header can hold is refused, and not repeated", async () => {
    const upstreams = [{ name: "a", api: "openai", baseURL: "http://127.0.0.1:1", apiKey: "sk-one\nsk-two" }] as const;
    const make = (): unknown => createGateway({ cache: new LLMCache(), upstreams });
    expect(make).toThrow(/^apiKey of upstream "a" must be a text that a header can hold\.$/);
  });

  test("the upstream's key stands in, in the header of its API, where no credential is left", async () => {
    await using other = await startModelServer();
    const upstreams = threeOf(other).map((each) => ({ ...each, apiKey: `key-of-${each.name}` }));
    await using staged = await stage({
      upstreams,
      identify: (headers, url) => ({
        namespace: "n",
        controls: "all",
        spent: headers["x-api-key"] === "gw" ? ["x-api-key"] : url?.includes("key=gw") === true ? ["?key"] : [],
      }),
    });
    const google = { contents: [{ role: "user", parts: [{ text: "?" }] }] };
    const paths = [
      ["/v1/chat/completions", question],
      ["/v1/messages", { model: "m", max_tokens: 1, messages: question.messages }],
      ["/v1beta/models/m:generateContent?key=gw&x=%20", google],
      ["/v1beta/models/m:generateContent?key=own", google],
    ] as const;
    for (const [path, body] of paths) await statusOf(staged, ask(staged, body, { "x-api-key": "gw" }, path));
    await statusOf(staged, ask(staged, { ...google, safetySettings: [] }, {}, paths[2][0]));
    const seen = other.requests.map(({ headers, query }) => [
      headers.authorization ?? headers["x-api-key"] ?? headers["x-goog-api-key"],
      query.get("key"),
    ]);
    expect(seen).toEqual([
      ["Bearer key-of-openai", null],
      ["key-of-anthropic", null],
      // Its key in the URL was not spent here.
      [undefined, "gw"],
      [undefined, "own"],
      ["key-of-google", null],
    ]);
    expect(other.requests.at(-1)?.query.get("x")).toBe(" ");
  });
});

describe("callers", () => {
  const callers: Record<string, Caller> = {
    all: { namespace: "a", controls: "all", spent: ["authorization"] },
    few: { namespace: "a", controls: new Set(["noCache"]), spent: ["authorization"] },
    other: { namespace: "b", controls: "all", spent: ["authorization"] },
  };
  const identify = ({ authorization = "" }: { authorization?: string | undefined }): Caller | undefined =>
    callers[authorization];
  const as = (name: string, more: Record<string, string> = {}): Record<string, string> => ({
    authorization: name,
    ...more,
  });

  test("one who is nobody is refused; those of one namespace share, others don't, whatever they call themselves", async () => {
    await using staged = await stage({ identify });
    expect((await ask(staged)).status).toBe(401);
    expect(await statusOf(staged, ask(staged, question, as("all")))).toMatch(/fwd=miss/);
    for (let i = 0; i < 3; i++) {
      expect(await statusOf(staged, ask(staged, question, as("few")))).toMatch(/hit/);
      expect(await statusOf(staged, ask(staged, question, as("all")))).toMatch(/hit/);
    }
    for (const namespace of ["a", "a,b", '["a"]', "b\na"])
      expect(
        await statusOf(
          staged,
          ask(staged, question, as("other", { "x-llmcache-namespace": namespace.replace("\n", "%0a") })),
        ),
      ).toMatch(/fwd=miss/);
    expect(await statusOf(staged, ask(staged, question, as("other")))).toMatch(/fwd=miss/);
    expect(staged.model.requests.some(({ headers }) => headers.authorization !== undefined)).toBe(false);
  });

  test("a control that a caller may not use is a 403 that names it, wherever it stands, known or not", async () => {
    await using staged = await stage({ identify });
    for (let i = 0; i < 3; i++)
      await statusOf(staged, ask(staged, question, as("all", { "cache-control": "max-age=60" })));
    for (const [body, headers, name] of [
      [question, { "cache-control": "max-age=60" }, "sMaxAge"],
      [question, { "x-llmcache-tags": "t" }, "tags"],
      [{ ...question, cache: { ttl: 5 } }, {}, "ttl"],
      [{ ...question, cache: { namespace: "x" } }, {}, "namespace"],
    ] as const) {
      const refused = await ask(staged, body, as("few", headers));
      expect([refused.status, await refused.json()]).toMatchObject([
        403,
        { error: { code: "control_forbidden", message: expect.stringContaining(name) } },
      ]);
    }
    expect((await ask(staged, question, as("few", { "cache-control": "no-cache" }))).status).toBe(200);
  });
});

describe("LiteLLM's controls in the body", () => {
  test("hold, and the upstream sees the rest byte for byte", async () => {
    await using staged = await stage();
    const sent =
      '{"model":"m", "seed": 9007199254740993, "cache" : {"no-cache": true}, "messages":[{"role":"user","content":"hi"}]}';
    const plain = '{"model":"m", "seed": 9007199254740993, "messages":[{"role":"user","content":"hi"}]}';
    expect(await statusOf(staged, ask(staged, sent))).toBe("llmcache; fwd=request; stored");
    expect(staged.model.requests[0]?.body.toString()).toBe(plain);
    for (let i = 0; i < 3; i++) {
      expect(await statusOf(staged, ask(staged, plain))).toMatch(/hit/);
      expect(await statusOf(staged, ask(staged, sent))).toBe("llmcache; fwd=request; stored");
    }
    const spoken = await ask(staged, { model: "m", input: "x", cache: { ttl: 1 } }, {}, "/v1/audio/speech");
    await spoken.arrayBuffer();
    expect(staged.model.requests.at(-1)?.json()).toEqual({ model: "m", input: "x" });
  });

  test("that are wrong are a 400 that names the field", async () => {
    await using staged = await stage();
    const wrong = await ask(staged, { ...question, cache: { "no-cach": true } });
    expect([wrong.status, await wrong.json()]).toMatchObject([
      400,
      { error: { message: expect.stringContaining("no-cach") } },
    ]);
    expect(staged.model.count()).toBe(0);
  });
});

describe("endpoints of its own", () => {
  const endpoint = (path: string, isOpen?: boolean): OwnEndpoint => ({
    path,
    isOpen,
    async handle(_request, response, url) {
      if (url.searchParams.has("throw")) throw new Error("secret");
      response.end(`${path} ${url.pathname}`);
    },
  });

  test("come before the upstreams, by path or folder; what is not open needs a caller", async () => {
    await using staged = await stage({
      endpoints: [endpoint("/open", true), endpoint("/closed"), endpoint("/folder/", true)],
      identify: ({ authorization }) =>
        authorization === "me" ? { namespace: "n", controls: "all", spent: [] } : undefined,
    });
    const get = async (path: string, headers: Record<string, string> = {}): Promise<[number, string]> => {
      const answer = await fetch(staged.url + path, { headers });
      return [answer.status, await answer.text()];
    };
    expect(await get("/open?x")).toEqual([200, "/open /open"]);
    expect(await get("/folder/a/b")).toEqual([200, "/folder/ /folder/a/b"]);
    expect((await get("/closed"))[0]).toBe(401);
    expect(await get("/closed", { authorization: "me" })).toEqual([200, "/closed /closed"]);
    expect(await get("/open", { origin: "https://evil.example" })).toEqual([403, expect.any(String)]);
    const [status, text] = await get("/open?throw");
    expect(status).toBe(500);
    expect(text).not.toContain("secret");
    expect(staged.model.count()).toBe(0);
    await expect.poll(() => staged.records.length).toBe(6);
  });
});

describe("host names", () => {
  const status = async (port: number, headers: Record<string, string>): Promise<number | undefined> => {
    const request = httpRequest({ port, host: "127.0.0.1", path: "/v1/models", headers });
    request.end();
    const [response] = (await once(request, "response")) as [IncomingMessage];
    response.resume();
    return response.statusCode;
  };

  test("are those that were given; any name means that pages of the same name may ask", async () => {
    await using named = await stage({ hosts: ["gw.example"] });
    await using any = await stage({ hosts: "any" });
    expect(await status(named.port, { host: "gw.example:4141" })).toBe(200);
    expect(await status(named.port, { host: "gw.example", origin: "https://gw.example" })).toBe(200);
    expect(await status(named.port, { host: "localhost" })).toBe(403);
    expect(await status(any.port, { host: "whatever.example" })).toBe(200);
    expect(await status(any.port, { host: "a.example", origin: "https://a.example" })).toBe(200);
    expect(await status(any.port, { host: "a.example", origin: "https://b.example" })).toBe(403);
    expect(await status(any.port, { host: "a.example", origin: "null" })).toBe(403);
  });
});

describe("closing", () => {
  test("streams under way end and are written; nobody else is let in", async () => {
    const staged = await stage();
    const gate = createGate();
    staged.model.enqueue({ content: "one two", stream: { gate: (index) => (index < 2 ? undefined : gate.opened) } });
    const body = JSON.stringify({ ...question, stream: true });
    const socket = raw(
      staged,
      `POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    await untilMatches(socket, /data: /);
    const idle = raw(staged, "GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    await untilMatches(idle, /\r\n\r\n[^]*\}\n?$/);
    const closing = staged.gateway.close(10_000);
    expect(await allOf(idle)).toBe("");
    await expect(ask(staged)).rejects.toThrow();
    gate.open();
    expect(await allOf(socket)).toContain("[DONE]");
    await closing;
    expect(staged.cache.stats().stores).toBe(1);
    await staged.gateway.close();
    await staged.model.close();
  });

  test("what takes longer than it may is broken off", async () => {
    const staged = await stage();
    staged.model.enqueue({ hang: true });
    const asking = ask(staged);
    await staged.model.waitFor(1);
    await Promise.all([expect(asking).rejects.toThrow(), staged.gateway.close(20)]);
    await staged.model.close();
  });
});

test("options that are wrong are named", () => {
  const cache = new LLMCache();
  expect(() => createGateway({ cache, upstreams: [] })).toThrow(/upstreams/);
  expect(() => createGateway({ cache, upstreams: [{ name: "x", api: "openai", baseURL: "nowhere" }] })).toThrow(
    /baseURL.*"x"/,
  );
  const secret = "http://user:secret@127.0.0.1/v1";
  for (const baseURL of [secret, "ftp://127.0.0.1/v1", "http://127.0.0.1/v1?a=b"])
    expect(() => createGateway({ cache, upstreams: [{ name: "x", api: "openai", baseURL }] })).toThrow(
      /^baseURL of upstream "x" must be a URL with http or https, and without user name/,
    );
});
