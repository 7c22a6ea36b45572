import { requestKey, type Json } from "@llmcache/core";
import type { WireFormat, WireRequest } from "@llmcache/fetch";
import { describe, expect, test } from "vitest";
import { GivenBody, plainBody } from "../src/given-body.ts";
import { openAIFormats, type OpenAIFormatsOptions } from "../src/index.ts";
import { sentBody } from "../src/sent-body.ts";
import { CHAT_URL } from "./asking.ts";
import { dice, type Dice } from "../../fetch/test/dice.ts";
import { FUZZ_ENDPOINTS } from "./fuzz-endpoints.ts";

const FULL = process.env["LLMCACHE_TEST_FULL"] === "1";
const BODIES = FULL ? 200_000 : 6000;

class Money {
  readonly amount = 1;
}

/** What programs put into bodies, and JSON says otherwise or not at all. */
const ODD: readonly (() => unknown)[] = [
  () => undefined,
  () => Number.NaN,
  () => Number.POSITIVE_INFINITY,
  () => -0,
  () => 2 ** 53,
  () => -(2 ** 53) - 2,
  () => 2 ** 53 - 1,
  () => 1e21,
  () => 1e15 + 0.5,
  () => new Date(0),
  () => ({ toJSON: () => "told" }),
  () => ({ toJSON: undefined }),
  () => new Money(),
  () => [undefined, () => 1],
  // oxlint-disable-next-line no-sparse-arrays -- a hole is what this is about
  () => [, 1],
  () => Object.assign(["a"], { more: 1 }),
  () => ({ "\0integer": "9007199254740993" }),
  () => ({ "\0integer": { "\0integer": 1 } }),
  () => Object.assign(Object.create(null) as object, { a: 1 }),
  () => Object.assign(Object.create({ inherited: 1 }) as object, { a: 1 }),
  () => ({ [Symbol("s")]: 1, a: 2 }),
  () => Object.defineProperty({ a: 1 }, "hidden", { value: 1, enumerable: false }),
  () => ({
    get a() {
      return "got";
    },
  }),
  () => JSON.parse('{"__proto__":{"a":1}}') as unknown,
  () => new String("boxed"),
  () => new Map([["a", 1]]),
  () => new Uint8Array([1, 2]),
  () => () => "a function",
  () => Symbol("s"),
  () => "\uD800",
  () => "1234567890123456789",
  () => "\0integer",
  () => ({ a: { b: { c: undefined } } }),
  () => ({ 2: "b", 1: "a" }),
];

const NAMES = ["n", "user", "metadata", "stop", "seed", "stream", "stream_options", "temperature", "extra", "tools"];

function someBody(roll: Dice): { readonly url: string; readonly body: Record<string, unknown> } {
  const endpoint = roll.of(FUZZ_ENDPOINTS);
  const body = { ...endpoint.required(roll) } as Record<string, unknown>;
  const names = Object.keys(endpoint.fields);
  for (let count = roll.below(4); count > 0; count--) {
    const name = roll.of(names);
    body[name] = roll.of(endpoint.values[name] as readonly Json[]);
  }
  for (let count = roll.below(3); count > 0; count--) putOdd(body, roll, roll.of(ODD)());
  return { url: endpoint.url, body };
}

/** Somewhere in the body. */
function putOdd(body: Record<string, unknown>, roll: Dice, odd: unknown): void {
  let at: Record<string, unknown> = body;
  while (roll() < 0.5) {
    const inner = Object.values(at).filter(
      (value) => typeof value === "object" && value !== null && !Object.isFrozen(value),
    );
    if (inner.length === 0) break;
    at = roll.of(inner) as Record<string, unknown>;
  }
  const name = Array.isArray(at) ? String(roll.below(at.length + 1)) : roll.of([...NAMES, ...Object.keys(at)]);
  try {
    at[name] = odd;
  } catch {
    // What cannot be written to stays as it is.
  }
}

const OPTIONS: readonly OpenAIFormatsOptions[] = [
  {},
  { equivalent: ["cache-hints", "message-ids", "tool-order"] },
  { alias: { m: "alias" }, storeOtherModels: true },
  { askForUsage: true },
];

/** The keys of what a format makes of a body: of a list, of each item. `undefined`: the wire only. */
function keysOf(format: WireFormat, request: WireRequest, body: Uint8Array): readonly string[] | string | undefined {
  try {
    const list = format.readList?.(request, body);
    if (list !== undefined) return list.requests.map((each) => requestKey(each).id);
    const call = format.read(request, body);
    if (call === undefined) return undefined;
    return `${requestKey(call.request).id} ${call.streaming} ${call.variant} ${JSON.stringify(call.request.shape)}`;
  } catch {
    return "throws";
  }
}

function requestTo(url: string): WireRequest {
  return { method: "POST", url: new URL(url), headers: new Headers({ "content-type": "application/json" }) };
}

function bothKeys(url: string, body: unknown, options: OpenAIFormatsOptions = {}): readonly [unknown, unknown] {
  const request = requestTo(url);
  const format = openAIFormats(options).find((each) => each.knows(request)) as WireFormat;
  const given = sentBody(body);
  return [
    given === undefined ? "wire" : keysOf(format, request, new GivenBody(given)),
    keysOf(format, request, Buffer.from(JSON.stringify(body), "utf8")),
  ];
}

describe("the key of a request that is read as an object", () => {
  test("is that of its text, whatever stands in it", () => {
    const roll = dice(5);
    let read = 0;
    let plain = 0;
    for (let count = 0; count < BODIES; count++) {
      const { url, body } = someBody(roll);
      let text: string;
      try {
        text = JSON.stringify(body);
      } catch {
        continue;
      }
      const [given, wire] = bothKeys(url, body, roll.of(OPTIONS));
      if (given !== wire) expect([text, given]).toEqual([text, wire]);
      if (typeof given === "string" && given !== "throws") read++;
      if (plainBody(body) !== undefined) plain++;
    }
    // Else nothing has been compared.
    expect(read).toBeGreaterThan(BODIES / 4);
    expect(plain).toBeGreaterThan(BODIES / 10);
    expect(plain).toBeLessThan(BODIES);
  }, 600_000);

  test.each(ODD.map((odd, index) => [index, odd] as const))("is that of its text with odd value %i", (_index, odd) => {
    for (const place of ["top", "inside", "in a list"]) {
      const messages = [{ role: "user", content: "hello", ...(place === "inside" ? { name: odd() } : {}) }];
      const body = {
        model: "m",
        messages,
        ...(place === "top" ? { extra: odd() } : {}),
        stop: place === "in a list" ? [odd()] : "x",
      };
      const [given, wire] = bothKeys(CHAT_URL, body);
      expect([place, given]).toEqual([place, wire]);
    }
  });

  test("is not made where something is written in another way by everybody", () => {
    const text = { model: "m", messages: [{ role: "user", content: "hello" }] };
    expect(plainBody(text)).toBeDefined();
    for (const prototype of [
      String.prototype,
      Number.prototype,
      Boolean.prototype,
      Object.prototype,
      Array.prototype,
    ]) {
      Object.defineProperty(prototype, "toJSON", { value: () => "told", configurable: true });
      try {
        expect(plainBody(text)).toBeUndefined();
      } finally {
        Reflect.deleteProperty(prototype, "toJSON");
      }
    }
  });

  test.each([
    ["a form", new FormData()],
    ["bytes", new Uint8Array([1])],
    ["text", '{"model":"m"}'],
    ["a list", [{ model: "m" }]],
    ["an iterator", { next: () => undefined, [Symbol.iterator]: (): undefined => undefined }],
    ["nothing", null],
  ])("is not made of %s", (_name, body) => {
    expect(sentBody(body)).toBeUndefined();
  });
});
