import { LLMCache } from "@llmcache/core";
import { beforeEach, describe, expect, test } from "vitest";
import { cachedFetch, type Fetch, type WireFormat } from "../src/index.ts";
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

describe("a body that cannot be read passes untouched:", () => {
  const taken = (): ReadableStream => {
    const stream = new ReadableStream();
    stream.getReader();
    return stream;
  };

  test.each<[string, () => RequestInit]>([
    ["a stream that somebody else reads", () => ({ method: "POST", body: taken(), duplex: "half" })],
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

describe("a stream", () => {
  const MEBIBYTE = 1024 * 1024;

  /** These chunks, and then the end or an error. */
  function streamOf(chunks: Iterable<unknown>, failure?: Error): ReadableStream {
    const left = chunks[Symbol.iterator]();
    return new ReadableStream(
      {
        pull(controller) {
          const next = left.next();
          if (next.done !== true) controller.enqueue(next.value);
          else if (failure === undefined) controller.close();
          else controller.error(failure);
        },
      },
      { highWaterMark: 0 },
    );
  }

  const post = (body: ReadableStream, more: RequestInit = {}): Promise<Response> =>
    fetch(URL_OF_MODEL, { method: "POST", body, duplex: "half", ...more });

  async function sent(): Promise<Buffer> {
    return Buffer.from(await new Response(provider.asked.at(-1)?.init?.body ?? null).arrayBuffer());
  }

  test("is read, and its bytes are sent in its place", async () => {
    const pieces = [TEXT.slice(0, 3), TEXT.slice(3)].map((text) => Buffer.from(text));
    await post(streamOf(pieces));
    expect((await sent()).toString()).toBe(TEXT);
    await cache.settled();
    expect((await post(streamOf(pieces))).headers.get("cache-status")).toContain("hit");
  });

  test("that is not understood arrives whole", async () => {
    await post(streamOf([Buffer.from("{")]));
    expect((await sent()).toString()).toBe("{");
  });

  test("that is too long to be kept arrives whole, and nothing is cached", async () => {
    const chunk = Buffer.alloc(MEBIBYTE, "x");
    await post(streamOf(Array.from({ length: 70 }, () => chunk)));
    expect((await sent()).byteLength).toBe(70 * MEBIBYTE);
    expect(cache.stats()).toMatchObject({ misses: 0, bypasses: 0 });
  });

  test.each<[string, ReadableStream, string]>([
    ["that fails", streamOf([Buffer.from("{")], new Error("cut off")), "cut off"],
    ["of something else than bytes", streamOf([Buffer.from("{"), "text"]), "non-Uint8Array"],
  ])("%s fails where it is sent, as without a cache", async (_name, stream, message) => {
    await post(stream);
    await expect(sent()).rejects.toThrow(message);
  });

  test("is left when the call is aborted", async () => {
    const left = Promise.withResolvers<unknown>();
    const controller = new AbortController();
    const stalled = new ReadableStream({ cancel: (reason) => left.resolve(reason) }, { highWaterMark: 0 });
    const call = cachedFetch(cache, { formats: [wordFormat] })(URL_OF_MODEL, {
      method: "POST",
      body: stalled,
      duplex: "half",
      signal: controller.signal,
    });
    controller.abort(new Error("gone"));
    await expect(call).rejects.toThrow("gone");
    expect(await left.promise).toMatchObject({ message: "gone" });
  });
});

describe("a form", () => {
  /** Takes a form's bytes for the question, which its boundary makes another one each time. */
  const formFormat: WireFormat = {
    ...wordFormat,
    read(request, body) {
      const type = request.headers.get("content-type") ?? "";
      const boundary = /boundary=(.+)$/.exec(type)?.[1];
      const text = Buffer.from(body)
        .toString("latin1")
        .replaceAll(boundary ?? "none", "b");
      return wordFormat.read(request, Buffer.from(JSON.stringify({ q: text })));
    },
  };

  function form(): FormData {
    const data = new FormData();
    data.append("model", "m");
    data.append("file", new File(["hello"], "a.mp3", { type: "audio/mpeg" }));
    return data;
  }

  beforeEach(() => {
    fetch = cachedFetch(cache, { formats: [formFormat], fetch: provider.fetch });
  });

  test("is read with the boundary that its content type names", async () => {
    await fetch(URL_OF_MODEL, { method: "POST", body: form() });
    await cache.settled();
    const hit = await fetch(URL_OF_MODEL, { method: "POST", body: form() });
    expect(hit.headers.get("cache-status")).toContain("hit");
    const request = new Request(URL_OF_MODEL, { method: "POST", body: form() });
    expect((await fetch(request)).headers.get("cache-status")).toContain("hit");
  });

  test("is sent as it was when fetch was called", async () => {
    const data = form();
    const call = fetch(URL_OF_MODEL, { method: "POST", body: data });
    data.set("model", "other");
    data.delete("file");
    await call;
    const body = provider.asked[0]?.init?.body as FormData;
    const file = body.get("file") as File;
    expect([body.get("model"), file.name, file.type, await file.text()]).toEqual(["m", "a.mp3", "audio/mpeg", "hello"]);
    expect(new Headers(provider.asked[0]?.init?.headers).has("content-type")).toBe(false);
  });

  test("keeps the content type that the caller says", async () => {
    const headers = { "content-type": "multipart/form-data; boundary=mine" };
    await fetch(URL_OF_MODEL, { method: "POST", body: form(), headers });
    expect(provider.asked[0]?.init?.headers).toBe(headers);
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
