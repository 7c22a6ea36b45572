import { crc32 } from "node:zlib";
import { requestKey, type CacheRequest, type JsonObject } from "@llmcache/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  CallMemo,
  CONTROL_HEADERS,
  controlFromHeaders,
  mergeControls,
  type ArrivedRequest,
  type RememberedCall,
  type SentRequest,
  type WireFormat,
} from "../src/index.ts";
import { wordFormat } from "./stage.ts";

const FULL = process.env["LLMCACHE_TEST_FULL"] === "1";

/** Counts headers as formats do: by name, and one of them only where another says so. */
const countingFormat: WireFormat = {
  ...wordFormat,
  read(request, body) {
    const call = wordFormat.read(request, body);
    if (call === undefined) return undefined;
    const { headers, url } = request;
    const settings = {
      beta: headers.get("X-Beta"),
      deep: headers.has("x-deep") ? headers.get("x-depth") : null,
      query: url.search,
    };
    return { ...call, request: { ...call.request, settings } };
  },
};

interface Sent {
  readonly url?: string;
  readonly headers?: Record<string, string>;
  readonly body?: JsonObject;
  readonly around?: string;
}

function arrivedOf({ url = "/ask", headers = {}, body = { q: "Why?" }, around = "tenant" }: Sent): ArrivedRequest {
  return { method: "POST", url, headers, body: Buffer.from(JSON.stringify(body)), around };
}

/** As a proxy sends it on: without what is of the connection. */
function sentOf(arrived: ArrivedRequest, format: WireFormat = countingFormat): SentRequest {
  const named = String(arrived.headers["connection"] ?? "").split(",");
  const headers = new Headers();
  for (const [name, value] of Object.entries(arrived.headers))
    if (typeof value === "string" && name !== "connection" && !named.includes(name)) headers.set(name, value);
  const url = new URL(arrived.url, "https://model.test");
  return { wire: { method: arrived.method, url, headers }, body: arrived.body, formats: [format], control: {} };
}

const same = (remembered: RememberedCall): RememberedCall => remembered;

function learnt(memo: CallMemo, sent: Sent, format?: WireFormat): RememberedCall | undefined {
  const arrived = arrivedOf(sent);
  return memo.learn(arrived, sentOf(arrived, format), same);
}

describe("what is remembered", () => {
  test("a request that comes again is found, with its controls; another is not", () => {
    const memo = new CallMemo();
    const headers = { "cache-control": "max-age=60", "x-llmcache-tags": "a, b" };
    const remembered = learnt(memo, { headers });
    expect(remembered).toMatchObject({
      call: { request: { prompt: "Why?" } },
      control: { sMaxAge: 60, tags: ["a", "b"] },
    });
    expect(memo.find(arrivedOf({ headers }))).toBe(remembered);
    for (const other of [
      { headers, url: "/ask?x=1" },
      { headers, around: "other" },
      { headers, body: { q: "How?" } },
      { headers: { ...headers, "cache-control": "max-age=61" } },
      { headers: { "cache-control": "max-age=60" } },
      { headers: { ...headers, "x-llmcache-namespace": "n" } },
      { headers: { ...headers, "x-beta": "1" } },
      { headers: { ...headers, "content-type": "text/plain" } },
      { headers: { ...headers, connection: "x-beta" } },
    ])
      expect(memo.find(arrivedOf(other)), JSON.stringify(other)).toBeUndefined();
  });

  test("where one part ends and the next begins makes a difference", () => {
    const memo = new CallMemo();
    learnt(memo, { url: "/ask?ab", around: "c" });
    expect(memo.find(arrivedOf({ url: "/ask?a", around: "bc" }))).toBeUndefined();
  });

  test("headers that the format does not look at do not count", () => {
    const memo = new CallMemo();
    const remembered = learnt(memo, { headers: { "x-request-id": "1", "user-agent": "a" } });
    expect(memo.find(arrivedOf({ headers: { "x-request-id": "2" } }))).toBe(remembered);
  });

  test("bytes that change under its hands change nothing", () => {
    const memo = new CallMemo();
    const arrived = arrivedOf({});
    const before = Buffer.from(arrived.body);
    memo.learn(arrived, sentOf(arrived), same);
    arrived.body.fill(0);
    expect(memo.find(arrived)).toBeUndefined();
    expect(memo.find({ ...arrived, body: before })).toBeDefined();
  });

  test.each(["content-md5", "digest", "content-digest", "signature", "x-amz-content-sha256"])(
    "requests that are signed by %s are neither remembered nor found",
    (name) => {
      const memo = new CallMemo();
      expect(learnt(memo, { headers: { [name]: "x" } })).toBeUndefined();
      learnt(memo, {});
      expect(memo.find(arrivedOf({ headers: { [name]: "x" } }))).toBeUndefined();
    },
  );

  test("nor those that AWS signs", () => {
    const memo = new CallMemo();
    const headers = { authorization: "AWS4-HMAC-SHA256 x" };
    expect(learnt(memo, { headers })).toBeUndefined();
    learnt(memo, { headers: { authorization: "Bearer a" } });
    expect(memo.find(arrivedOf({ headers }))).toBeUndefined();
  });

  test("what has to go the long way is not remembered", () => {
    const list: WireFormat = { ...wordFormat, readList: () => ({ requests: [] }) as never };
    const broken: WireFormat = {
      ...wordFormat,
      read() {
        throw new Error("no");
      },
    };
    const nosy: WireFormat = {
      ...wordFormat,
      read(request, body) {
        const call = wordFormat.read(request, body);
        return call && { ...call, request: { ...call.request, settings: [...request.headers].flat() } };
      },
    };
    const copying: WireFormat = {
      ...wordFormat,
      read: (request, body) => (new Headers(request.headers).has("x") ? undefined : wordFormat.read(request, body)),
    };
    const memo = new CallMemo();
    for (const format of [list, broken, nosy, copying]) expect(learnt(memo, {}, format)).toBeUndefined();
    expect(learnt(memo, { body: { q: "?", more: true } })).toBeUndefined();
    expect(learnt(memo, { body: { unknown: true } })).toBeUndefined();
    expect(learnt(memo, { url: "/other" })).toBeUndefined();
    expect(memo.size).toBe(0);
  });

  test("nor what is sent on with other headers than came in", () => {
    const memo = new CallMemo();
    const arrived = arrivedOf({ headers: {} });
    const sent = sentOf(arrived);
    sent.wire.headers.set("x-beta", "added");
    expect(memo.learn(arrived, sent, same)).toBeUndefined();
    const dropped = arrivedOf({ headers: { "x-beta": "1", connection: "x-beta" } });
    expect(memo.learn(dropped, sentOf(dropped), same)).toBeUndefined();
  });

  test("a control that nobody can follow is an error", () => {
    expect(() => learnt(new CallMemo(), { headers: { "cache-control": "ttl=soon" } })).toThrow(/ttl/);
  });
});

describe("how much is remembered", () => {
  test("what is not asked for again goes first, and no more is kept than was allowed", () => {
    const memo = new CallMemo({ maxBytes: 100_000 });
    const often = learnt(memo, { body: { q: "often" } });
    for (let i = 0; i < 200; i++) {
      learnt(memo, { body: { q: `once ${i}` } });
      expect(memo.find(arrivedOf({ body: { q: "often" } }))).toBe(often);
    }
    expect(memo.size).toBeLessThan(50);
    expect(memo.size).toBeGreaterThan(20);
    expect(memo.find(arrivedOf({ body: { q: "once 0" } }))).toBeUndefined();
    expect(learnt(memo, { body: { q: "x".repeat(3000) } })).toBeUndefined();
  });

  test("what headers say and what stands around counts", () => {
    const memo = new CallMemo({ maxBytes: 100_000 });
    expect(learnt(memo, { headers: { "x-beta": "b".repeat(7000) } })).toBeUndefined();
    expect(learnt(memo, { around: "a".repeat(7000) })).toBeUndefined();
    for (let i = 0; i < 100; i++) learnt(memo, { body: { q: `${i}` }, headers: { "x-beta": "b".repeat(3000) } });
    expect(memo.size).toBeLessThan(20);
    expect(memo.size).toBeGreaterThan(10);
  });

  test("learning anew takes the place of what was learnt; forgetting takes what it was told to", () => {
    const memo = new CallMemo();
    const [first, second] = [learnt(memo, {}), learnt(memo, {})] as [RememberedCall, RememberedCall];
    expect(memo.size).toBe(1);
    memo.forget(arrivedOf({}), first);
    expect(memo.find(arrivedOf({}))).toBe(second);
    memo.forget(arrivedOf({}), second);
    expect(memo.size).toBe(0);
  });

  test("requests of one checksum are told apart, and do not pile up", () => {
    const memo = new CallMemo();
    const alike = collisions(8).map((body): ArrivedRequest => ({ ...arrivedOf({}), body }));
    const raw: WireFormat = {
      ...wordFormat,
      read: (request, body) => {
        const call = wordFormat.read(request, Buffer.from('{"q":""}'));
        return call && { ...call, request: { ...call.request, prompt: Buffer.from(body).toString("hex") } };
      },
    };
    for (const arrived of alike) {
      memo.learn(arrived, sentOf(arrived, raw), same);
      expect(memo.find(arrived)?.call.request.prompt).toBe(Buffer.from(arrived.body).toString("hex"));
    }
    expect(memo.size).toBe(4);
    expect(alike.map((each) => memo.find(each) !== undefined)).toEqual([
      ...Array(4).fill(false),
      ...Array(4).fill(true),
    ]);
  });
});

test("URLs, and what counts besides, are told apart where their checksums are not", () => {
  const [one, other] = textsOfOneChecksum();
  expect(one).not.toBe(other);
  for (const [first, second] of [
    [{ url: `/ask?${one}` }, { url: `/ask?${other}` }],
    [{ around: one }, { around: other }],
  ] as const) {
    const memo = new CallMemo();
    learnt(memo, first);
    expect(memo.find(arrivedOf(first))).toBeDefined();
    expect(memo.find(arrivedOf(second))).toBeUndefined();
  }
});

/** Two texts with one CRC-32, whatever stands before and behind them: of some hundred thousand, some have. */
function textsOfOneChecksum(): [string, string] {
  const seen = new Map<number, string>();
  for (let n = 0; ; n++) {
    const text = (n * 2_654_435_761 + 1e15).toString(36);
    const there = seen.get(crc32(text));
    if (there !== undefined && there.length === text.length) return [there, text];
    seen.set(crc32(text), text);
  }
}

/** Bodies of one CRC-32: adding a multiple of its polynomial changes nothing. */
function collisions(count: number): Buffer[] {
  // x^32 + … + 1, in the bit order of CRC-32, one bit after the other.
  const polynomial = 0x1_db71_0641n;
  return Array.from({ length: count }, (_, index) => {
    let bits = 0n;
    for (let bit = 0; bit < 4; bit++) if ((index >> bit) & 1) bits ^= polynomial << BigInt(bit);
    const body = Buffer.alloc(16);
    body.writeBigUInt64LE(bits, 0);
    return body;
  });
}

/** What counts of a request, as the long way understands it. */
function understoodAs(arrived: ArrivedRequest): { readonly id: string; readonly control: object } | undefined {
  const { wire, body } = sentOf(arrived);
  const call = countingFormat.knows(wire) ? countingFormat.read(wire, body) : undefined;
  if (call === undefined) return undefined;
  const request: CacheRequest = { ...call.request, namespace: arrived.around };
  return { id: requestKey(request).id, control: mergeControls(controlFromHeaders(wire.headers), {}) };
}

const value = fc.constantFrom("", "1", "2", "1, 2");
const headers = fc
  .record(
    Object.fromEntries(
      ["x-beta", "x-deep", "x-depth", "x-other", "authorization", ...CONTROL_HEADERS.slice(0, 3)].map((name) => [
        name,
        value,
      ]),
    ),
    { requiredKeys: [] },
  )
  .chain((given) =>
    fc
      .record(
        {
          "cache-control": fc.constantFrom("no-cache", "max-age=1", "max-age=2", "ttl=1"),
          "content-type": fc.constantFrom("application/json", "text/plain"),
          connection: fc.constantFrom("keep-alive", "close", "x-beta", "x-depth"),
          "x-llmcache-similar": fc.constantFrom("true", "false", "max-chars=5"),
        },
        { requiredKeys: [] },
      )
      .map((more): Record<string, string> => ({ ...given, ...more })),
  );
const request = fc.record({
  url: fc.constantFrom("/ask", "/ask?a=1", "/ask?a=2", "/other"),
  headers,
  body: fc.record(
    { q: fc.constantFrom("a", "b"), stream: fc.boolean(), variant: fc.constantFrom("loud", "low") },
    { requiredKeys: ["q"] },
  ),
  around: fc.constantFrom("", "t", "u"),
});

test("whatever is found is what the long way would have understood", () => {
  let found = 0;
  fc.assert(
    fc.property(fc.array(request, { minLength: 2, maxLength: 12 }), (requests) => {
      const memo = new CallMemo();
      const ids = new Map<RememberedCall, ReturnType<typeof understoodAs>>();
      for (const each of [...requests, ...requests]) {
        const arrived = arrivedOf(each);
        const known = memo.find(arrived);
        if (known !== undefined) {
          found++;
          expect(understoodAs(arrived)).toEqual(ids.get(known));
          continue;
        }
        const remembered = memo.learn(arrived, sentOf(arrived), same);
        if (remembered !== undefined) ids.set(remembered, understoodAs(arrived));
      }
    }),
    { numRuns: FULL ? 50_000 : 1000 },
  );
  expect(found).toBeGreaterThan(1000);
});
