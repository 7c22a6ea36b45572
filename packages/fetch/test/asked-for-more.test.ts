import { LLMCache, type JsonObject } from "@llmcache/core";
import { beforeEach, describe, expect, test } from "vitest";
import { shown } from "../src/shown.ts";
import { EventSplitter } from "../src/sse.ts";
import { cachedWith, events, handFed, json, Provider, streamed, type Asker } from "./stage.ts";

let cache: LLMCache;
let provider: Provider;
let ask: Asker;
beforeEach(() => {
  cache = new LLMCache();
  provider = new Provider();
  ask = cachedWith(cache, provider);
});

/** The provider is asked for the length too, which the caller did not want. */
const ASKED = { q: "hello", stream: true, variant: "long", more: true };
const MORE = { q: "hello", stream: true, variant: "long" };
const SENT = [": ping\r\n\r\n", events("one!", "two"), "event: odd\rdata:  three\r\r", events("#3", "end")];
const SEEN = [": ping\r\n\r\n", events("one", "two"), "event: odd\rdata:  three\r\r", events("end")].join("");

async function textOf(asked: JsonObject): Promise<string> {
  const text = await (await ask(asked)).text();
  await cache.settled();
  return text;
}

describe("more than the caller asked for", () => {
  test("is asked of the provider, is not shown, and what is shown unchanged stays as it was", async () => {
    provider.replies(() => streamed(SENT, { "content-length": "1000" }));
    const response = await ask({ ...ASKED, other: 1 }, { headers: { "content-length": "7" } });
    expect(await response.text()).toBe(SEEN);
    expect(response.headers.get("content-length")).toBeNull();
    const { init } = provider.asked[0] ?? {};
    expect(JSON.parse(init?.body as string)).toEqual({ ...ASKED, other: 1, length: true });
    expect(new Headers(init?.headers).get("content-length")).toBeNull();
  });

  test("is stored: who asks for it gets it, who does not is not shown it", async () => {
    provider.replies(() => streamed(SENT));
    await textOf(ASKED);
    expect(await textOf(ASKED)).toBe(SEEN);
    expect(await textOf(MORE)).toBe(SENT.join(""));
    expect(provider.count).toBe(1);
  });

  test("is seen while it comes by who asks for it, in one run with who does not", async () => {
    const source = handFed();
    provider.replies(() => source.response);
    const [one, other] = await Promise.all([ask(ASKED), ask(MORE)]);
    source.push("one!", "#1", "end");
    expect(await Promise.all([one.text(), other.text()])).toEqual([
      Buffer.from(events("one", "end")).toString(),
      Buffer.from(events("one!", "#1", "end")).toString(),
    ]);
    expect(provider.count).toBe(1);
  });

  test.each([1, 2, 3, 7, 1000])("is hidden, in whatever pieces it comes: %i bytes", async (size) => {
    const whole = Buffer.from(SENT.map((each) => Buffer.from(each).toString()).join(""));
    const pieces = Array.from({ length: Math.ceil(whole.byteLength / size) }, (_, index) =>
      whole.subarray(index * size, Math.min(whole.byteLength, (index + 1) * size)),
    );
    provider.replies(() => streamed(pieces));
    expect(await textOf(ASKED)).toBe(SEEN);
  });

  test("is shown event by event, each as soon as it is there; who leaves does not wait for the next", async () => {
    const source = handFed();
    provider.replies((_number, init) => {
      init?.signal?.addEventListener("abort", () => source.fail(new Error("left")));
      return source.response;
    });
    const reader = ((await ask(ASKED)).body as ReadableStream<Uint8Array>).getReader();
    source.push("one!");
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe("data: one\n\n");
    const pending = reader.read();
    await reader.cancel();
    expect(await pending).toEqual({ done: true, value: undefined });
    await cache.settled();
    expect(cache.inFlight).toBe(0);
  });

  test("a stream that breaks off shows what came, and fails", async () => {
    provider.replies(() => streamed([events("one!"), "data: tw", new TypeError("terminated")]));
    const seen: string[] = [];
    const body = (await ask(ASKED)).body as AsyncIterable<Uint8Array>;
    await expect(async () => {
      for await (const piece of body) seen.push(Buffer.from(piece).toString());
    }).rejects.toThrow("terminated");
    expect(seen).toEqual(["data: one\n\n"]);
  });

  test("what ends in the middle of an event is shown to its end", async () => {
    provider.replies(() => streamed([events("one!"), "data: tw"]));
    expect(await textOf(ASKED)).toBe("data: one\n\ndata: tw");
  });

  test("a failure, or an answer in one piece, is shown as it is", async () => {
    provider.replies(() => json({ error: "#!" }, { status: 400, headers: { "content-length": "14" } }));
    expect(await textOf(ASKED)).toBe('{"error":"#!"}');
  });
});

test("who has left draws nothing more, whatever he was waiting for", async () => {
  const coming = Promise.withResolvers<IteratorResult<Uint8Array>>();
  let drawn = 0;
  const source = {
    next: async () => (drawn++, coming.promise),
    return: async () => ({ done: true as const, value: undefined }),
  };
  const iterator = shown(source, { body: "", show: () => "same" });
  const pending = iterator.next();
  await iterator.return?.();
  coming.resolve({ done: false, value: events("one") });
  await pending;
  expect(await iterator.next()).toEqual({ done: true, value: undefined });
  expect(drawn).toBe(1);
});

test("a splitter gives the same events, however the bytes come", () => {
  const text = "data: a\n\ndata: b\r\rdata: c\r\n\r\n: x\n\n\n\r\ndata: d\n\rdata: e";
  const events = ["data: a\n\n", "data: b\r\r", "data: c\r\n\r\n", ": x\n\n", "\n", "\r\n", "data: d\n\r"];
  for (let cut = 0; cut <= text.length; cut++) {
    const splitter = new EventSplitter();
    const given = [text.slice(0, cut), text.slice(cut)].flatMap((part) => splitter.push(Buffer.from(part)));
    expect(given.map((each) => Buffer.from(each).toString()).join("")).toBe(text.slice(0, -"data: e".length));
    expect(Buffer.from(splitter.rest()).toString()).toBe("data: e");
    // A line feed that comes late is an empty line of its own.
    const told = given.map((each) => Buffer.from(each).toString().trim()).filter((each) => each !== "");
    expect(told).toEqual(events.map((each) => each.trim()).filter((each) => each !== ""));
  }
});
