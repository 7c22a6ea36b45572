import { Body, LLMCache } from "@llmcache/core";
import { describe, expect, test } from "vitest";
import { cachedFetch, hitResponse, outcomesOf, storedAnswer, type WireCall } from "../src/index.ts";
import { encodeAnswer } from "../src/exchange.ts";
import { listFormat, URL_OF_LISTS } from "./list-stage.ts";
import { json, Provider, URL_OF_MODEL, wordFormat } from "./stage.ts";

function post(body: object): RequestInit {
  return { method: "POST", body: JSON.stringify(body) };
}

describe("outcomesOf", () => {
  test("tells how an answer came to be: in one piece, as a stream, or put together of several", async () => {
    const provider = new Provider((_number, init) => {
      const { words = [] } = JSON.parse(init?.body as string) as { words?: string[] };
      return json({ a: "x y", model: "m", said: words.map((text, at) => ({ at, text })) });
    });
    const ask = cachedFetch(new LLMCache(), { formats: [wordFormat, listFormat], fetch: provider.fetch });
    const told = async (url: string, body: object): Promise<unknown> => {
      const response = await ask(url, post(body));
      await response.text();
      return outcomesOf(response)?.map(({ status }) => status);
    };
    expect(await told(URL_OF_MODEL, { q: "a" })).toEqual(["miss"]);
    expect(await told(URL_OF_MODEL, { q: "a" })).toEqual(["hit"]);
    expect(await told(URL_OF_MODEL, { q: "a", stream: true })).toEqual(["hit"]);
    expect(await told(URL_OF_LISTS, { words: ["b"] })).toEqual(["miss"]);
    expect(await told(URL_OF_LISTS, { words: ["b", "c"] })).toEqual(["hit", "miss"]);
    expect(await told(URL_OF_MODEL, { nothing: 1 })).toBeUndefined();
  });

  test("rejects what turned out to be bad", async () => {
    const provider = new Provider();
    const ask = cachedFetch(new LLMCache(), { formats: [wordFormat], fetch: provider.fetch });
    const response = await ask(URL_OF_MODEL, post({ q: "a" }));
    await outcomesOf(response)?.[0]?.reject();
    await ask(URL_OF_MODEL, post({ q: "a" }));
    expect(provider.count).toBe(2);
    expect(outcomesOf(response.clone())).toBeUndefined();
  });
});

describe("storedAnswer", () => {
  const url = new URL(URL_OF_MODEL);
  const read = (body: object): WireCall =>
    wordFormat.read({ method: "POST", url, headers: new Headers() }, Buffer.from(JSON.stringify(body))) as WireCall;

  test.each([
    ["in one piece", { q: "a" }],
    ["as a stream", { q: "a", stream: true }],
    ["as a stream of a variant", { q: "a", stream: true, variant: "loud" }],
  ])("is what cachedFetch answers %s, from an entry of either form", async (_name, asked) => {
    for (const first of [{ q: "a" }, { q: "a", stream: true }]) {
      const events = new Response("data: x\n\ndata: y\n\ndata: end\n\n", {
        headers: { "content-type": "text/event-stream" },
      });
      const provider = new Provider(() => ("stream" in first ? events : json({ a: "x y" })));
      const cache = new LLMCache();
      const ask = cachedFetch(cache, { formats: [wordFormat], fetch: provider.fetch });
      await (await ask(URL_OF_MODEL, post(first))).text();
      await cache.settled();
      const wire = await ask(URL_OF_MODEL, post(asked));
      const call = read(asked);
      const found = await cache.lookup(call.request, { decode: (body) => storedAnswer(body, call) });
      if (found === undefined) throw new Error("Nothing was found.");
      const response = hitResponse(found, found.value, call, {}, url);
      expect([...response.headers]).toEqual([...wire.headers]);
      expect([response.status, response.url]).toEqual([wire.status, wire.url]);
      expect(await response.text()).toBe(await wire.text());
    }
  });

  test("is none of what a store has cut off, or added to", () => {
    const head = { status: 200, form: "whole" as const, headers: { "content-type": "application/json" } };
    const whole = Buffer.from(encodeAnswer(head, [Buffer.from('{"a":"b"}')]));
    const told = (bytes: Uint8Array): string | undefined => {
      const stored = storedAnswer(Body.bytes(bytes), read({ q: "a" }));
      return stored && Buffer.from(stored.bytes).toString();
    };
    // Twice: a head that has been read before is not read again.
    for (let time = 0; time < 2; time++) {
      expect(told(whole)).toBe('{"a":"b"}');
      expect(told(whole.subarray(0, -1))).toBeUndefined();
      expect(told(Buffer.concat([whole, whole]))).toBeUndefined();
    }
    expect(told(Buffer.from(whole.toString().replace("200", "999")))).toBeUndefined();
    expect(told(Buffer.from(whole.toString().replace('"headers"', '"pace":[1,"x"],"headers"')))).toBeUndefined();
    expect(told(Buffer.from(whole.toString().replace('"headers"', '"pace":[1,2],"headers"')))).toBe('{"a":"b"}');
  });

  test("is none of what is no stored answer", () => {
    expect(storedAnswer(Body.json({ a: 1 }), read({ q: "a" }))).toBeUndefined();
    expect(storedAnswer(Body.bytes(Buffer.from("cut off")), read({ q: "a" }))).toBeUndefined();
  });
});
