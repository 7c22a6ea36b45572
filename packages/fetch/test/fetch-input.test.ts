import { LLMCache } from "@llmcache/core";
import { beforeEach, describe, expect, test } from "vitest";
import { cachedFetch, type Fetch } from "../src/index.ts";
import { json, Provider, URL_OF_MODEL, wordFormat } from "./stage.ts";

const TEXT = `{"q":"hello"}`;
let cache: LLMCache;
let provider: Provider;
let fetch: Fetch;

beforeEach(() => {
  cache = new LLMCache();
  provider = new Provider();
  fetch = cachedFetch(cache, { formats: [wordFormat], fetch: provider.fetch });
});

function padded(): Uint8Array {
  return Buffer.from(`xx${TEXT}yy`).subarray(2, 2 + TEXT.length);
}

const SAME: Record<string, () => Parameters<Fetch>> = {
  text: () => [URL_OF_MODEL, { method: "POST", body: TEXT }],
  "a URL and a method in lower case": () => [new URL(URL_OF_MODEL), { method: "post", body: TEXT }],
  bytes: () => [URL_OF_MODEL, { method: "POST", body: Buffer.from(TEXT) }],
  "a part of a buffer": () => [URL_OF_MODEL, { method: "POST", body: padded() as Uint8Array<ArrayBuffer> }],
  "a DataView": () => {
    const bytes = padded();
    return [
      URL_OF_MODEL,
      { method: "POST", body: new DataView(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength) },
    ];
  },
  "an ArrayBuffer": () => [URL_OF_MODEL, { method: "POST", body: Uint8Array.from(Buffer.from(TEXT)).buffer }],
  "a Blob": () => [URL_OF_MODEL, { method: "POST", body: new Blob([TEXT]) }],
  "a Request": () => [new Request(URL_OF_MODEL, { method: "POST", body: TEXT })],
  "a Request and another body": () => [
    new Request(URL_OF_MODEL, { method: "POST", body: `{"q":"bye"}` }),
    { body: TEXT },
  ],
  "a Request and another method": () => [new Request(URL_OF_MODEL, { method: "PUT", body: TEXT }), { method: "POST" }],
};

describe("a request as", () => {
  test.each(Object.entries(SAME))("%s is understood, and leaves the provider what was given", async (_name, make) => {
    await fetch(URL_OF_MODEL, { method: "POST", body: TEXT });
    await cache.settled();
    const hit = await fetch(...make());
    expect(hit.headers.get("cache-status")).toContain("hit");

    await fetch(
      ...(make().map((part, index) =>
        index === 1 ? { ...(part as object), headers: { "x-llmcache-version": "2" } } : part,
      ) as Parameters<Fetch>),
    );
    const { input, init } = provider.asked.at(-1) as { input: Parameters<Fetch>[0]; init: RequestInit };
    const sent = new Request(input, { ...init, signal: null });
    expect([sent.method.toUpperCase(), sent.url, await sent.text()]).toEqual(["POST", URL_OF_MODEL, TEXT]);
  });

  test("a Request on a miss sends its body and its headers", async () => {
    await fetch(new Request(URL_OF_MODEL, { method: "POST", body: TEXT, headers: { authorization: "Bearer x" } }));
    const { input, init } = provider.asked[0] as { input: Request; init: RequestInit };
    const sent = new Request(input, init);
    expect([await sent.text(), sent.headers.get("authorization")]).toEqual([TEXT, "Bearer x"]);
  });
});

describe("bytes that the caller changes meanwhile", () => {
  test("are sent and stored as they were when fetch was called", async () => {
    const body = Uint8Array.from(Buffer.from(TEXT));
    const answer = fetch(URL_OF_MODEL, { method: "POST", body });
    body.set(Buffer.from(`{"q":"other"}`));
    await answer;
    expect(Buffer.from(provider.asked[0]?.init?.body as Uint8Array).toString()).toBe(TEXT);
  });

  test("are sent so also where nothing is cached", async () => {
    const body = Uint8Array.from(Buffer.from(`{"x":"hello"}`));
    const answer = fetch(URL_OF_MODEL, { method: "POST", body });
    body.fill(0x20);
    await answer;
    expect(Buffer.from(provider.asked[0]?.init?.body as Uint8Array).toString()).toBe(`{"x":"hello"}`);
  });
});

describe("a body that can be read only once passes untouched and unread:", () => {
  const stream = (): ReadableStream =>
    new ReadableStream({ pull: () => Promise.reject(new Error("It was read.")) }, { highWaterMark: 0 });

  test.each<[string, () => RequestInit]>([
    ["a stream", () => ({ method: "POST", body: stream(), duplex: "half" })],
    ["a form", () => ({ method: "POST", body: new FormData() })],
    ["search parameters", () => ({ method: "POST", body: new URLSearchParams("q=hello") })],
    ["none", () => ({ method: "POST" })],
  ])("%s", async (_name, make) => {
    const init = make();
    await fetch(URL_OF_MODEL, init);
    expect(provider.asked).toEqual([{ input: URL_OF_MODEL, init }]);
    expect(provider.asked[0]?.init).toBe(init);
    expect(cache.stats()).toMatchObject({ misses: 0, bypasses: 0 });
  });
});

describe("what is not understood is handed on as the very same objects:", () => {
  test.each<[string, string, RequestInit]>([
    ["another path", "https://model.test/other", { method: "POST", body: TEXT }],
    ["another method", URL_OF_MODEL, { method: "PUT", body: TEXT }],
    ["no JSON", URL_OF_MODEL, { method: "POST", body: "{" }],
    ["JSON that the format does not know", URL_OF_MODEL, { method: "POST", body: "{}" }],
  ])("%s", async (_name, url, init) => {
    const response = json({});
    provider.replies(() => response);
    expect(await fetch(url, init)).toBe(response);
    expect(provider.asked[0]?.init).toBe(init);
  });

  test("a Request in the place of init, whose members are no own ones", async () => {
    const init = new Request(URL_OF_MODEL, { method: "POST", body: TEXT, headers: { "x-llmcache-version": "1" } });
    await fetch(URL_OF_MODEL, init);
    expect(provider.asked[0]?.init).toBe(init);
  });

  test("an init of a class of its own", async () => {
    class Init {
      body: string = TEXT;
      get method(): string {
        return "POST";
      }
    }
    const init = new Init();
    await fetch(URL_OF_MODEL, init);
    expect(provider.asked[0]?.init).toBe(init);
  });

  test("no init at all", async () => {
    await fetch("https://model.test/other");
    expect(provider.asked).toEqual([{ input: "https://model.test/other", init: undefined }]);
  });
});

describe("what fetch would refuse is refused as fetch does:", () => {
  const nowhere = cachedFetch(new LLMCache(), { formats: [wordFormat] });

  test.each<[string, readonly unknown[]]>([
    ["a relative URL", ["/ask", { method: "POST", body: TEXT }]],
    ["no URL", ["", {}]],
    ["null", [null]],
    ["a signal that is none", [URL_OF_MODEL, { method: "POST", body: TEXT, signal: {} }]],
    ["a method that is none", [URL_OF_MODEL, { method: "P OST", body: TEXT }]],
    ["headers that are none", [URL_OF_MODEL, { method: "POST", body: TEXT, headers: { "bad name": "x" } }]],
    ["a body with GET", [URL_OF_MODEL, { method: "GET", body: TEXT }]],
  ])("%s", async (_name, input) => {
    const failure = async (asked: Fetch): Promise<unknown> =>
      (asked as (...parts: readonly unknown[]) => Promise<unknown>)(...input).catch((error: unknown) => [
        (error as Error).name,
        (error as Error).message,
      ]);
    expect(await failure(nowhere)).toEqual(await failure(globalThis.fetch));
  });

  test("a Request that was read already", async () => {
    const request = new Request(URL_OF_MODEL, { method: "POST", body: TEXT });
    await request.text();
    await expect(nowhere(request)).rejects.toThrow(TypeError);
  });
});

describe("the signal", () => {
  test("of init is heeded before that of a Request, also where it is null", async () => {
    const aborted = new Request(URL_OF_MODEL, {
      method: "POST",
      body: TEXT,
      signal: AbortSignal.abort(new Error("gone")),
    });
    await expect(fetch(aborted)).rejects.toThrow("gone");
    await expect(fetch(aborted.clone(), { signal: null })).resolves.toBeInstanceOf(Response);
    await expect(fetch(aborted.clone(), { signal: new AbortController().signal })).resolves.toBeInstanceOf(Response);
  });
});
