import { crc32 } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Body, decodeEntry, decodeHead, encodeEntry, type Codec, type Entry, type Json } from "../src/index.ts";

const ID = "a".repeat(64);

function entry(more: Partial<Entry> = {}): Entry {
  return {
    id: ID,
    createdAt: 1000,
    metadata: { operation: "chat.completions", tokens: 3 },
    body: Body.json({ text: "hé" }),
    ...more,
  };
}

const plain = (found: Entry | undefined): unknown =>
  found === undefined
    ? undefined
    : { ...found, body: found.body.kind === "json" ? found.body.json() : [...found.body.bytes()] };

/** A frame with a valid checksum, whatever is in it. */
function frameOf(line: unknown, head: string, body: string): Buffer {
  const text = typeof line === "string" ? line : JSON.stringify(line);
  const content = Buffer.from(`${text}\n${head}${body}`);
  const end = Buffer.alloc(4);
  end.writeUInt32BE(crc32(content));
  return Buffer.concat([content, end]);
}

const line = (more: object = {}): object => ({
  llmcache: 1,
  id: ID,
  createdAt: 1000,
  kind: "json",
  head: 15,
  body: 4,
  ...more,
});
const HEAD = '{"metadata":{}}';

describe("a frame", () => {
  it("gives back every entry as it was", () => {
    const name = fc.oneof(fc.string(), fc.constantFrom("__proto__", "\ud800", "constructor"));
    const arbitrary = fc.record({
      createdAt: fc.integer(),
      staleAt: fc.option(fc.integer(), { nil: undefined }),
      deleteAt: fc.option(fc.integer(), { nil: undefined }),
      scope: fc.option(fc.string({ maxLength: 64 }), { nil: undefined }),
      text: fc.option(fc.string({ unit: "binary" }), { nil: undefined }),
      metadata: fc.dictionary(name, fc.oneof(fc.string(), fc.integer())),
      tags: fc.option(fc.dictionary(name, fc.string()), { nil: undefined }),
      request: fc.option(fc.jsonValue(), { nil: undefined }),
      body: fc.oneof(
        fc.jsonValue().map((value) => Body.json(value)),
        fc.uint8Array({ maxLength: 200 }).map((bytes) => Body.bytes(bytes)),
      ),
    });
    fc.assert(
      fc.property(arbitrary, (parts) => {
        const given = JSON.parse(JSON.stringify({ ...parts, body: undefined })) as object;
        const original = { ...given, id: ID, body: parts.body } as Entry;
        expect(plain(decodeEntry(encodeEntry(original), { id: ID }))).toEqual(plain(original));
        const { body: _, ...head } = original;
        expect(decodeHead(encodeEntry(original), { id: ID })).toEqual(head);
      }),
      { numRuns: 500 },
    );
  });

  it("keeps empty bytes, empty text and null apart", () => {
    for (const body of [Body.bytes(new Uint8Array()), Body.json(""), Body.json(null)]) {
      const back = decodeEntry(encodeEntry(entry({ body })));
      expect(back?.body.kind).toBe(body.kind);
      expect([...(back?.body.bytes() ?? [1])]).toEqual([...body.bytes()]);
    }
  });

  it("that is borrowed may change and be let go: the entry keeps copies", () => {
    const pool = new Uint8Array(64 * 1024);
    for (const body of [Body.bytes(Buffer.from("raw")), Body.json({ a: "ä😀" })]) {
      const frame = encodeEntry(entry({ body }));
      pool.set(frame, 100);
      const back = decodeEntry(pool.subarray(100, 100 + frame.byteLength), { borrowed: true });
      pool.fill(0);
      expect(Buffer.from(back!.body.bytes())).toEqual(Buffer.from(body.bytes()));
      expect(back!.body.bytes().buffer).not.toBe(pool.buffer);
      expect(back!.body.size).toBe(body.bytes().byteLength);
    }
  });

  it("of a JSON answer gives its text, of bytes a view of the frame", () => {
    const json = decodeEntry(encodeEntry(entry({ body: Body.json({ a: 1 }) })))!.body;
    expect([json.held, json.json(), json.size]).toEqual(["text", { a: 1 }, 7]);
    const frame = encodeEntry(entry({ body: Body.bytes(Uint8Array.of(1)) }));
    expect(decodeEntry(frame)!.body.bytes().buffer).toBe(frame.buffer);
  });

  it("of another id is nobody's", () => {
    expect(decodeEntry(encodeEntry(entry()), { id: "b".repeat(64) })).toBeUndefined();
    expect(decodeHead(encodeEntry(entry()), { id: "b".repeat(64) })).toBeUndefined();
    expect(decodeEntry(encodeEntry(entry()))?.id).toBe(ID);
  });

  it("cut anywhere is a miss", () => {
    const frame = encodeEntry(entry());
    for (let end = 0; end < frame.byteLength; end++) {
      expect(decodeEntry(frame.subarray(0, end), { id: ID })).toBeUndefined();
      expect(() => decodeHead(frame.subarray(0, end))).not.toThrow();
    }
    expect(decodeEntry(Buffer.concat([frame, Buffer.from("x")]))).toBeUndefined();
  });

  it("changed anywhere, in thousands of ways, is a miss or the same entry; never an exception, never another answer", () => {
    const original = entry({ tags: { a: "1" }, text: "t", request: { prompt: "p" }, staleAt: 2000, deleteAt: 3000 });
    const frame = encodeEntry(original);
    const expected = plain(original);
    let random = 12345;
    const next = (below: number): number => (random = (random * 1103515245 + 12345) & 0x7fffffff) % below;
    for (let round = 0; round < 20_000; round++) {
      const hostile = Buffer.from(frame);
      for (let changes = next(3) + 1; changes > 0; changes--) hostile[next(hostile.length)] = next(256);
      const found = decodeEntry(hostile, { id: ID });
      if (found !== undefined) expect(plain(found)).toEqual(expected);
      // Without its checksum a head may be wrong, but reading it must be safe.
      decodeHead(hostile);
    }
  });

  it("with a valid checksum and hostile content is a miss, or harmless", () => {
    expect(decodeEntry(frameOf(line(), HEAD, "null"))).toBeDefined();
    const hostile = [
      frameOf(line({ llmcache: 2 }), HEAD, "null"),
      frameOf(line({ llmcache: "1" }), HEAD, "null"),
      frameOf(line({ id: 7 }), HEAD, "null"),
      frameOf(line({ createdAt: "now" }), HEAD, "null"),
      frameOf(line({ createdAt: null }), HEAD, "null"),
      frameOf(line({ staleAt: "x" }), HEAD, "null"),
      frameOf(line({ kind: "code" }), HEAD, "null"),
      frameOf(line({ codec: "aes" }), HEAD, "null"),
      frameOf(line({ head: -1 }), HEAD, "null"),
      frameOf(line({ head: 1e300 }), HEAD, "null"),
      frameOf(line({ head: 16, body: 4 }), HEAD, "null"),
      frameOf(line({ head: 0, body: 19 }), HEAD, "null"),
      frameOf("null", HEAD, "null"),
      frameOf("[]", HEAD, "null"),
      frameOf("not json", HEAD, "null"),
      frameOf("[".repeat(4000), HEAD, "null"),
      frameOf(line(), '{"metadata":[]}', "null"),
      frameOf(line({ head: 21 }), '{"metadata":{"a":{}}}', "null"),
      frameOf(line({ head: 25 }), '{"metadata":{},"text":12}', "null"),
      frameOf(line({ head: 30 }), '{"metadata":{},"tags":{"a":1}}', "null"),
      Buffer.alloc(0),
      Buffer.alloc(100),
      Buffer.alloc(100_000, "x"),
      frameOf(`{"pad":"${"x".repeat(5000)}"}`, HEAD, "null"),
    ];
    for (const frame of hostile) {
      expect(decodeEntry(frame)).toBeUndefined();
      expect(() => decodeHead(frame)).not.toThrow();
    }
  });

  it("cannot reach a prototype", () => {
    const head =
      '{"metadata":{"__proto__":"x","constructor":"y"},"tags":{"__proto__":"g"},"request":{"__proto__":{"polluted":true}},"__proto__":{"polluted":true}}';
    const found = decodeEntry(frameOf(line({ head: head.length, __proto__: 1 }), head, "null")) as Entry;
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    expect((found as { polluted?: boolean }).polluted).toBeUndefined();
    expect(Object.getPrototypeOf(found)).toBe(Object.prototype);
    expect(Object.entries(found.metadata)).toEqual([
      ["__proto__", "x"],
      ["constructor", "y"],
    ]);
    expect(JSON.stringify(found.request)).toBe('{"__proto__":{"polluted":true}}');
  });

  it("whose body is no JSON says so when it is read, not before", () => {
    const found = decodeEntry(frameOf(line({ body: 3 }), HEAD, "{x}"));
    expect(() => found?.body.json()).toThrow(SyntaxError);
  });

  it("of thousands of random bytes is a miss", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => decodeEntry(bytes) === undefined),
      { numRuns: 2000 },
    );
  });
});

describe("a codec", () => {
  const flip: Codec = {
    name: "flip",
    readsPlain: false,
    encode: (bytes, { part, clear }) =>
      Buffer.concat([Buffer.from([part.length, clear.length % 251]), bytes.map((byte) => byte ^ 0x5a)]),
    decode: (bytes, { part, clear }) => {
      if (bytes[0] !== part.length || bytes[1] !== clear.length % 251) throw new Error("not mine");
      return bytes.subarray(2).map((byte) => byte ^ 0x5a);
    },
  };

  it("turns head and body separately, and the way back", () => {
    const frame = encodeEntry(entry({ text: "SECRET", body: Body.json("SECRET") }), flip);
    expect(Buffer.from(frame).includes("SECRET")).toBe(false);
    expect(plain(decodeEntry(frame, { id: ID, codec: flip }))).toMatchObject({ text: "SECRET", body: "SECRET" });
  });

  it("that is missing, another one, fails or refuses makes a miss", () => {
    const frame = encodeEntry(entry(), flip);
    expect(decodeEntry(frame)).toBeUndefined();
    expect(decodeEntry(frame, { codec: { ...flip, name: "other" } })).toBeUndefined();
    expect(decodeEntry(frame, { codec: { ...flip, decode: () => undefined } })).toBeUndefined();
    expect(
      decodeEntry(frame, {
        codec: {
          ...flip,
          decode: () => {
            throw new Error("key gone");
          },
        },
      }),
    ).toBeUndefined();
  });

  it("reads frames that went through none only if it says so", () => {
    expect(decodeEntry(encodeEntry(entry()), { codec: flip })).toBeUndefined();
    expect(decodeEntry(encodeEntry(entry()), { codec: { ...flip, readsPlain: true } })).toBeDefined();
  });
});

describe("a body", () => {
  it("of a value is a copy, and gives a private copy every time", () => {
    const value = { list: [{ a: 1 }], own: JSON.parse('{"__proto__":{"x":1}}') as Json };
    const body = Body.json(value);
    (value.list[0] as { a: number }).a = 2;
    const first = body.json() as typeof value;
    expect(first.list).toEqual([{ a: 1 }]);
    first.list.push({ a: 3 });
    expect((body.json() as typeof value).list).toEqual([{ a: 1 }]);
    expect(JSON.stringify(body.json())).toBe('{"list":[{"a":1}],"own":{"__proto__":{"x":1}}}');
    expect(({} as { x?: number }).x).toBeUndefined();
  });

  it("copies as JSON text would, for any JSON", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => JSON.stringify(Body.json(value).json()) === JSON.stringify(value)),
    );
    expect(Object.is(Body.json(-0).json(), 0)).toBe(true);
    expect(Object.is((Body.json([-0]).json() as number[])[0], 0)).toBe(true);
  });

  it.each([
    [undefined, "$"],
    [{ a: undefined }, "$.a"],
    [[1, [undefined]], "$[1][0]"],
    [{ a: { b: Number.NaN } }, "$.a.b"],
    [{ "x y": Number.NEGATIVE_INFINITY }, '$["x y"]'],
    [{ at: new Date(0) }, "$.at"],
    [[1n], "$[0]"],
    [{ f: () => 1 }, "$.f"],
    [{ s: Symbol("s") }, "$.s"],
    [{ m: new Map() }, "$.m"],
    [{ b: Uint8Array.of(1) }, "$.b"],
  ])("refuses %o, naming %s", (value, path) => {
    expect(() => Body.json(value)).toThrow(
      expect.objectContaining({ code: "ERR_LLMCACHE_VALUE", message: expect.stringContaining(`at ${path},`) }),
    );
  });

  it("refuses cycles and depths, naming the path", () => {
    const loop: { self?: unknown } = {};
    loop.self = { loop };
    expect(() => Body.json(loop)).toThrow("$.self.loop");
    let deep: Json = 1;
    for (let i = 0; i < 501; i++) deep = [deep];
    expect(() => Body.json(deep)).toThrow(/\$(\[0\]){500}, it is nested deeper than 500/);
  });

  it("of bytes is a copy with memory of its own, of exact size, and no JSON", () => {
    const pooled = Buffer.from("small");
    const body = Body.bytes(pooled);
    pooled[0] = 0;
    expect(Buffer.from(body.bytes()).toString()).toBe("small");
    expect(body.bytes().buffer.byteLength).toBe(5);
    expect(body.size).toBe(5);
    expect(() => body.json()).toThrow(expect.objectContaining({ code: "ERR_LLMCACHE_VALUE" }));
    expect(Body.bytes(new Uint8Array()).size).toBe(0);
  });

  it("goes from value to bytes and back with its kind", () => {
    const body = Body.json({ a: "é" });
    expect(body.held).toBe("value");
    const bytes = body.asBytes();
    expect([bytes.kind, bytes.held, bytes.size]).toEqual(["json", "bytes", 10]);
    expect(bytes.asBytes()).toBe(bytes);
    expect(bytes.asValue().held).toBe("value");
    expect(bytes.asValue().json()).toEqual({ a: "é" });
    expect(body.asValue()).toBe(body);
    const raw = Body.bytes(Uint8Array.of(1));
    expect([raw.asValue(), raw.asBytes()]).toEqual([raw, raw]);
    const text = Body.text('{"a":"é"}', 10);
    expect([text.kind, text.held, text.json()]).toEqual(["json", "text", { a: "é" }]);
    expect([text.asBytes().held, text.asValue().held]).toEqual(["bytes", "value"]);
    expect(Buffer.from(text.asBytes().bytes()).toString()).toBe('{"a":"é"}');
    expect(text.json()).not.toBe(text.json());
  });
});
