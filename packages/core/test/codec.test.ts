import { randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";
import {
  aesCodec,
  Body,
  codecs,
  decodeEntry,
  decodeHead,
  encodeEntry,
  zstdCodec,
  type Codec,
  type Entry,
} from "@llmcache/core";
import { describe, expect, test } from "vitest";

const KEY = randomBytes(32);
const OLD = randomBytes(32);

function entryOf(text: string): Entry {
  return {
    id: "a".repeat(64),
    scope: "b".repeat(64),
    text: "what was asked",
    createdAt: 1000,
    staleAt: 2000,
    deleteAt: 3000,
    metadata: { operation: "chat.completions", model: "gpt-4o-mini" },
    tags: { customer: "g1" },
    body: Body.json({ text }),
  };
}

const kinds: readonly (readonly [string, Codec])[] = [
  ["zstd", zstdCodec({ minBytes: 64 })],
  ["aes", aesCodec({ keys: [{ id: "new", key: KEY }] })],
  ["both", codecs(zstdCodec({ minBytes: 64 }), aesCodec({ keys: [{ id: "new", key: KEY }] }))],
];

describe.each(kinds)("%s", (_name, codec) => {
  test.each(["", "short", "long ".repeat(10_000)])("an entry comes back as it was (%#)", (text) => {
    const entry = entryOf(text);
    const back = decodeEntry(encodeEntry(entry, codec), { id: entry.id, codec })!;
    expect({ ...back, body: back.body.json() }).toEqual({ ...entry, body: { text } });
  });

  test("the head is readable without the body", () => {
    const frame = encodeEntry(entryOf("long ".repeat(10_000)), codec);
    const { body: _body, ...head } = entryOf("");
    expect(decodeHead(frame.subarray(0, 1500), { codec })).toEqual(head);
  });

  test("without the codec, or with another, the entry is a miss", () => {
    const frame = encodeEntry(entryOf("text"), codec);
    expect(decodeEntry(frame)).toBeUndefined();
    expect(decodeEntry(frame, { codec: { ...codec, name: "other" } })).toBeUndefined();
  });

  test("any changed byte is a miss", () => {
    const entry = entryOf("text ".repeat(100));
    const frame = encodeEntry(entry, codec);
    for (let at = 0; at < frame.length; at += 3) {
      expect(decodeEntry(changed(frame, at), { id: entry.id, codec })).toBeUndefined();
    }
  });
});

function changed(frame: Uint8Array, at: number): Buffer {
  const copy = Buffer.from(frame);
  copy[at] = (copy[at] as number) ^ 0x10;
  return copy;
}

describe("zstd", () => {
  const codec = zstdCodec();

  test("makes long text short and leaves short text alone", () => {
    const long = entryOf("the same words again and again ".repeat(1000));
    expect(encodeEntry(long, codec).byteLength).toBeLessThan(encodeEntry(long).byteLength / 10);
    const short = entryOf("short");
    expect(encodeEntry(short, codec).byteLength).toBeLessThan(encodeEntry(short).byteLength + 40);
  });

  test("what does not get shorter stays as it is", () => {
    const noise = { ...entryOf(""), body: Body.bytes(randomBytes(20_000)) };
    expect(encodeEntry(noise, codec).byteLength).toBeLessThan(20_600);
  });

  test("entries stored without it are still read", () => {
    expect(decodeEntry(encodeEntry(entryOf("plain")), { codec })?.body.json()).toEqual({ text: "plain" });
  });

  test("a bomb is a miss", () => {
    const frame = encodeEntry({ ...entryOf(""), body: Body.bytes(new Uint8Array(10_000_000)) }, codec);
    expect(frame.byteLength).toBeLessThan(20_000);
    expect(decodeEntry(frame, { codec: zstdCodec({ maxBytes: 1_000_000 }) })).toBeUndefined();
  });
});

describe("aes", () => {
  test("nothing of the prompt, the answer, the metadata or the tags is readable in a sealed frame", () => {
    const text = Buffer.from(
      encodeEntry(entryOf("a secret answer"), aesCodec({ keys: [{ id: "new", key: KEY }] })),
    ).toString("latin1");
    for (const secret of ["secret", "asked", "gpt-4o", "chat.completions", "customer"])
      expect(text).not.toContain(secret);
  });

  test("the same entry is sealed differently each time", () => {
    const codec = aesCodec({ keys: [{ id: "new", key: KEY }] });
    expect(encodeEntry(entryOf("x"), codec)).not.toEqual(encodeEntry(entryOf("x"), codec));
  });

  test("keys rotate: the first one seals, all of them open", () => {
    const before = encodeEntry(entryOf("sealed before"), aesCodec({ keys: [{ id: "old", key: OLD }] }));
    const ring = aesCodec({
      keys: [
        { id: "new", key: KEY.toString("hex") },
        { id: "old", key: OLD.toString("base64") },
      ],
    });
    expect(decodeEntry(before, { codec: ring })?.body.json()).toEqual({ text: "sealed before" });
    const after = encodeEntry(entryOf("sealed after"), ring);
    expect(decodeEntry(after, { codec: aesCodec({ keys: [{ id: "new", key: KEY }] }) })?.body.json()).toEqual({
      text: "sealed after",
    });
    expect(decodeEntry(after, { codec: aesCodec({ keys: [{ id: "old", key: OLD }] }) })).toBeUndefined();
  });

  test("an entry that was not sealed is not read: anybody could have written it", () => {
    expect(
      decodeEntry(encodeEntry(entryOf("slipped in")), { codec: aesCodec({ keys: [{ id: "new", key: KEY }] }) }),
    ).toBeUndefined();
  });

  test("a changed byte is a miss even if the frame's checksum was made to fit", () => {
    const entry = entryOf("text ".repeat(100));
    const codec = aesCodec({ keys: [{ id: "new", key: KEY }] });
    const frame = encodeEntry(entry, codec);
    const end = frame.length - 4;
    for (let at = 0; at < end; at += 3) {
      const forged = changed(frame, at);
      forged.writeUInt32BE(crc32(forged.subarray(0, end)), end);
      expect(decodeEntry(forged, { id: entry.id, codec })).toBeUndefined();
    }
  });

  test("head and body cannot change places, nor go to another entry", () => {
    const codec = aesCodec({ keys: [{ id: "new", key: KEY }] });
    const part = { part: "head", clear: Buffer.from("one") } as const;
    const sealed = codec.encode(Buffer.from("text"), part);
    expect(Buffer.from(codec.decode(sealed, part)!).toString()).toBe("text");
    expect(codec.decode(sealed, { ...part, part: "body" })).toBeUndefined();
    expect(codec.decode(sealed, { ...part, clear: Buffer.from("two") })).toBeUndefined();
  });

  test.each([
    [[], "at least one"],
    [[{ id: "a", key: "too short" }], "32 bytes"],
    [[{ id: "", key: KEY }], "id"],
    [
      [
        { id: "a", key: KEY },
        { id: "a", key: OLD },
      ],
      "once",
    ],
  ])("keys that are none are refused, and not shown (%#)", (keys, message) => {
    expect(() => aesCodec({ keys })).toThrow(
      expect.objectContaining({ code: "ERR_LLMCACHE_OPTION", message: expect.stringContaining(message) }),
    );
  });
});
