import { Readable } from "node:stream";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { aesCodec, type Codec, type StoreEvent } from "@llmcache/core";
import { sampleEntry, sampleId, storeChecks, type SampleOverrides } from "@llmcache/core/conformance";
import { S3Store, type S3StoreOptions } from "@llmcache/s3";
import { behavesLikeAMap } from "../../memory/test/store-model.ts";
import { FakeS3, serviceError } from "./fake-s3.ts";
import { registerChecks } from "../../core/test/register-checks.ts";

const NOW = Date.UTC(2026, 0, 1);

function stage(options: Partial<S3StoreOptions> = {}): { fake: FakeS3; store: S3Store; events: StoreEvent[] } {
  const fake = new FakeS3();
  const store = new S3Store({ client: fake, bucket: "b", prefix: "p/", clock: () => NOW, ...options });
  const events: StoreEvent[] = [];
  store.on((event) => events.push(event));
  return { fake, store, events };
}

const entryOf = (name: string | number, overrides: SampleOverrides = {}): ReturnType<typeof sampleEntry> =>
  sampleEntry({ id: sampleId(name), ...overrides });
const keyOf = (name: string | number): string => `p/${sampleId(name).slice(0, 2)}/${sampleId(name)}`;
const rejection = async (promise: Promise<unknown>): Promise<any> =>
  promise.then(
    () => expect.fail("it did not reject"),
    (error: unknown) => error,
  );

describe.each([
  ["heeds conditions", "heeds", "heeds", undefined],
  ["ignores conditions", "ignores", "ignores", "it has none"],
  ["refuses conditions", "refuses", "refuses", "it has none"],
  ["heeds If-None-Match alone", "heeds", "ignores", "it has no If-Match"],
  ["heeds If-Match alone", "refuses", "heeds", "it has no If-None-Match"],
] as const)("on a server that %s, it keeps the contract", (_, ifNothing, ifMatch, nonAtomicAdd) => {
  const fakes = new WeakMap<object, FakeS3>();
  const make = (label: string, clock: () => number, fake: FakeS3): S3Store => {
    fake.conditions = { ifNothing, ifMatch };
    const store = new S3Store({ client: fake, bucket: "b", prefix: label, clock, maxEntryBytes: 100_000 });
    fakes.set(store, fake);
    return store;
  };
  const again = (store: object, label: string, clock: () => number): S3Store =>
    make(label, clock, fakes.get(store) as FakeS3);
  registerChecks(
    storeChecks(({ label, clock }) => make(label, clock, new FakeS3()), {
      maxEntryBytes: 100_000,
      sibling: (store, { label, clock }) => again(store, label, clock),
      reopen: async (store, { label, clock }) => {
        await store[Symbol.asyncDispose]();
        return again(store, label, clock);
      },
      ...(nonAtomicAdd === undefined ? {} : { nonAtomicAdd }),
    }),
  );

  test("32 racing adds of this store have one winner nevertheless", async () => {
    for (const over of [undefined, entryOf("a", { value: "refused" })]) {
      const { fake, store } = stage();
      fake.conditions = { ifNothing, ifMatch };
      if (over) await store.set(over);
      const answers = await Promise.all(
        Array.from({ length: 32 }, (_, value) =>
          store.add(entryOf("a", { value, createdAt: NOW + 1 + value }), { over }),
        ),
      );
      expect(answers.filter(Boolean)).toHaveLength(1);
    }
  });
});

test("any series of calls gives what a Map gives", async () => {
  await behavesLikeAMap(() => stage().store, 60);
});

describe("what the server makes of conditions", () => {
  test.each(["ignores", "refuses"] as const)(
    "is told once when it %s them, and a probe leaves nothing behind",
    async (answer) => {
      const { fake, store, events } = stage();
      fake.conditions = { ifNothing: answer, ifMatch: answer };
      expect(await store.add(entryOf("a"))).toBe(true);
      expect(await store.add(entryOf("a"))).toBe(false);
      expect(await store.add(entryOf("b"))).toBe(true);
      expect(events).toMatchObject([
        { type: "not-atomic", store: "s3", message: expect.stringMatching(/does not heed If-None-Match and If-Match/) },
      ]);
      expect([...fake.objects.keys()].toSorted()).toEqual([keyOf("a"), keyOf("b")].toSorted());
    },
  );

  test("is not told when it heeds them, and is asked once", async () => {
    const { fake, store, events } = stage();
    await Promise.all([store.add(entryOf("a")), store.add(entryOf("b"))]);
    expect(events).toEqual([]);
    expect(fake.sent.filter(({ input }) => String((input as { Key?: string }).Key).includes("probe"))).toHaveLength(4);
    const before = fake.sent.length;
    await store.add(entryOf("c"));
    expect(fake.names.slice(before)).toEqual(["PutObject"]);
  });

  test("is asked again after a failure", async () => {
    const { fake, store } = stage();
    fake.before = () => {
      throw serviceError("InternalError", 500);
    };
    await expect(store.add(entryOf("a"))).rejects.toThrow("the server failed");
    fake.before = () => undefined;
    expect(await store.add(entryOf("a"))).toBe(true);
  });

  test("is not asked by a store that never adds", async () => {
    const { fake, store } = stage();
    await store.set(entryOf("a"));
    await store.get(entryOf("a"));
    expect(fake.names).toEqual(["PutObject", "GetObject"]);
  });
});

test("a write that the SDK repeated because its answer was lost is known as its own", async () => {
  const { fake, store } = stage();
  await store.add(entryOf("warm"));
  let lost = true;
  const send = fake.send.bind(fake);
  fake.send = async (command, options) => {
    const output = await send(command, options);
    if (!lost || !("Body" in (command as { input: object }).input)) return output;
    lost = false;
    return send(command, options);
  };
  expect(await store.add(entryOf("a", { value: "mine" }))).toBe(true);
  expect(await store.add(entryOf("a", { value: "other" }))).toBe(false);
});

test("add gives up, with an error, on an object that others replace all the time", async () => {
  const { fake, store } = stage();
  await store.add(entryOf("warm"));
  fake.before = (name, input) => {
    if (name !== "PutObjectCommand" || !("IfMatch" in input || "IfNoneMatch" in input)) return;
    throw serviceError("ConditionalRequestConflict", 409);
  };
  await expect(store.add(entryOf("a"))).rejects.toMatchObject({
    code: "ERR_LLMCACHE_STORE",
    message: expect.stringContaining("others replaced"),
  });
});

describe("an object", () => {
  test("has its key, a type, lifetimes and metadata that people can use", async () => {
    const { fake, store } = stage();
    const createdAt = Date.UTC(2026, 0, 1, 12);
    await store.set(
      entryOf("a", {
        createdAt,
        staleAt: NOW + 90_500,
        deleteAt: NOW + 3_600_000,
        metadata: { operation: "chat.completions", model: "größe 1%", tokens: 3 },
      }),
    );
    const { input } = fake.objects.get(keyOf("a"))!;
    expect(input).toMatchObject({
      ContentType: "application/vnd.llmcache.entry",
      CacheControl: "max-age=90",
      Expires: new Date(NOW + 90_500),
      Metadata: {
        operation: "chat.completions",
        model: "gr%C3%B6%C3%9Fe%201%25",
        createdAt: "2026-01-01T12:00:00.000Z",
      },
    });
    expect(Buffer.isBuffer(input.Body)).toBe(true);
    expect(input.ContentLength).toBe((input.Body as Buffer).byteLength);
  });

  test("without an end is fresh for a year, an expired one for no time", async () => {
    const { fake, store } = stage();
    await store.set(entryOf("endless"));
    await store.set(entryOf("expired", { staleAt: NOW - 1 }));
    await store.set(entryOf("far", { staleAt: 8_640_000_000_000_000, deleteAt: 8_640_000_000_000_000 }));
    expect(fake.objects.get(keyOf("endless"))?.input).toMatchObject({ CacheControl: "max-age=31536000" });
    expect(fake.objects.get(keyOf("endless"))?.input).not.toHaveProperty("Expires");
    expect(fake.objects.get(keyOf("expired"))?.input).toMatchObject({ CacheControl: "max-age=0" });
    expect(fake.objects.get(keyOf("far"))?.input.Expires).toEqual(new Date("9999-12-31T23:59:59Z"));
  });

  test("repeats nothing of the head when the codec seals", async () => {
    const codec = aesCodec({ keys: [{ id: "k", key: "0".repeat(64) }] });
    const { fake, store } = stage({ codec });
    const secret = {
      metadata: { operation: "secret-operation", model: "secret-model" },
      tags: { "secret-tag": "1" },
      text: "secret-text",
      request: { prompt: "secret-request" },
      value: "secret-answer",
    };
    await store.set(entryOf("set", secret));
    await store.add(entryOf("add", secret));
    for (const { input, bytes } of fake.objects.values()) {
      expect(inspect({ ...input, Body: "" })).not.toContain("secret");
      expect(bytes.includes("secret")).toBe(false);
    }
  });

  test.each([
    ["nothing", ""],
    ["what is no frame", "hello"],
    ["half a frame", (frame: Buffer) => frame.subarray(0, frame.byteLength >> 1)],
    ["the frame of another id", undefined],
    ["a line without an end", "x".repeat(100_000)],
  ])("with %s in it is a miss and an event, and gives way to add", async (_, content) => {
    const { fake, store, events } = stage();
    await store.set(entryOf("a"));
    await store.set(entryOf("b"));
    const frame = fake.objects.get(keyOf(content === undefined ? "b" : "a"))!.bytes;
    fake.put(keyOf("a"), typeof content === "function" ? content(frame) : (content ?? frame));
    expect(await store.get(entryOf("a"))).toBeUndefined();
    expect(events).toMatchObject([{ type: "unreadable", id: sampleId("a") }]);
    expect(await store.getMany([entryOf("a"), entryOf("b")])).toMatchObject([
      undefined,
      { entry: { id: sampleId("b") } },
    ]);
    for (const bodies of [true, false]) {
      const listed = [];
      for await (const { head } of store.entries({ bodies })) listed.push(head.id);
      expect(listed).toEqual([sampleId("b")]);
    }
    expect(await store.add(entryOf("a"))).toBe(true);
    expect(await store.get(entryOf("a"))).toBeDefined();
  });

  test("larger than an entry may be is not read", async () => {
    const { fake, store, events } = stage({ maxEntryBytes: 1000 });
    fake.put(keyOf("a"), "x".repeat(1001));
    expect(await store.get(entryOf("a"))).toBeUndefined();
    expect(events).toMatchObject([{ type: "unreadable", message: expect.stringContaining("maxEntryBytes") }]);
    expect(fake.bodies[0]?.destroyed).toBe(true);
    const endless = (): Readable =>
      Readable.from(
        (function* () {
          for (;;) yield Buffer.alloc(100);
        })(),
      );
    const send = fake.send.bind(fake);
    fake.body = endless;
    fake.send = async (...given) => ({ ...((await send(...given)) as object), ContentLength: undefined });
    expect(await store.get(entryOf("a"))).toBeUndefined();
    expect(fake.bodies[1]?.destroyed).toBe(true);
  });
});

describe("bodies", () => {
  test("that are cut short are errors, never half an answer", async () => {
    const { fake, store } = stage();
    await store.set(entryOf("a", { bytes: Buffer.alloc(5000, 1) }));
    const cuts: ((bytes: Buffer) => Readable)[] = [
      (bytes) => Readable.from([bytes.subarray(0, 100)]),
      (bytes) => {
        const stream = new Readable({ read() {} });
        stream.push(bytes.subarray(0, 100));
        setImmediate(() => stream.destroy(Object.assign(new Error("aborted"), { code: "ECONNRESET" })));
        return stream;
      },
      (bytes) => {
        const stream = new Readable({ read() {} });
        stream.push(bytes.subarray(0, 100));
        setImmediate(() => stream.destroy());
        return stream;
      },
    ];
    for (const cut of cuts) {
      fake.body = cut;
      await expect(store.get(entryOf("a"))).rejects.toMatchObject({
        code: "ERR_LLMCACHE_STORE",
        message: expect.stringContaining("the connection was lost"),
      });
    }
  });

  test("that stop in the middle end with the deadline, the signal or the store, and are destroyed", async () => {
    for (const [end, code] of [
      ["deadline", "ERR_LLMCACHE_STORE"],
      ["signal", "MINE"],
      ["close", "ERR_LLMCACHE_CLOSED"],
    ] as const) {
      const { fake, store } = stage({ timeoutMs: end === "deadline" ? 20 : 60_000 });
      await store.set(entryOf("a", { bytes: Buffer.alloc(5000, 1) }));
      const begun = Promise.withResolvers<void>();
      fake.body = (bytes) => {
        const stream = new Readable({ read: () => begun.resolve() });
        stream.push(bytes.subarray(0, 100));
        return stream;
      };
      const controller = new AbortController();
      const failed = rejection(store.get(entryOf("a"), { signal: controller.signal }));
      await begun.promise;
      if (end === "signal") controller.abort(Object.assign(new Error("enough"), { code: "MINE" }));
      if (end === "close") await store[Symbol.asyncDispose]();
      expect(await failed).toMatchObject({ code });
      expect(fake.bodies.every((body) => body.destroyed)).toBe(true);
    }
  });

  test("that arrive after the deadline are destroyed", async () => {
    const { fake, store } = stage({ timeoutMs: 20 });
    await store.set(entryOf("a"));
    const late = Promise.withResolvers<void>();
    const send = fake.send.bind(fake);
    fake.send = async (command) => {
      const output = await send(command);
      await late.promise;
      return output;
    };
    await expect(store.get(entryOf("a"))).rejects.toThrow("did not read within 20 ms");
    late.resolve();
    await new Promise((resolve) => void setImmediate(resolve));
    expect(fake.bodies).toHaveLength(1);
    expect(fake.bodies[0]?.destroyed).toBe(true);
  });

  test("of clients that are built on fetch are read, too", async () => {
    const { fake, store } = stage();
    await store.set(entryOf("a"));
    fake.body = (bytes) => new Blob([bytes]).stream() as unknown as Readable;
    expect((await store.get(entryOf("a")))?.entry.id).toBe(sampleId("a"));
  });
});

describe("signals", () => {
  test("reach the SDK from every method", async () => {
    const { fake, store } = stage();
    await store.set(entryOf("a"));
    await store.add(entryOf("b"));
    const calls: ((signal: AbortSignal) => Promise<unknown>)[] = [
      (signal) => store.get(entryOf("a"), { signal }),
      (signal) => store.set(entryOf("a"), { signal }),
      (signal) => store.add(entryOf("c"), { signal }),
      (signal) => store.delete(entryOf("a"), { signal }),
      (signal) => store.clear({ signal }),
      (signal) => store.getMany([entryOf("a"), entryOf("b")], { signal }),
      (signal) => store.setMany([entryOf("a")], { signal }),
      async (signal) => {
        for await (const _ of store.entries({ signal }));
      },
    ];
    for (const call of calls) {
      const controller = new AbortController();
      const arrived = Promise.withResolvers<AbortSignal>();
      fake.before = async (_name, _input, signal) => {
        if (signal) arrived.resolve(signal);
        await new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason as Error)));
      };
      const failed = rejection(call(controller.signal));
      const seen = await arrived.promise;
      controller.abort(new Error("enough"));
      expect((await failed).message).toBe("enough");
      expect(seen.aborted).toBe(true);
    }
  });

  test("make no call when they were aborted before", async () => {
    const { fake, store } = stage();
    await expect(store.get(entryOf("a"), { signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow("enough");
    expect(fake.sent).toEqual([]);
  });

  test("leave no listeners behind", async () => {
    const { store } = stage();
    const controller = new AbortController();
    let listeners = 0;
    const { addEventListener, removeEventListener } = controller.signal;
    controller.signal.addEventListener = (...given: any[]) => (
      listeners++,
      Reflect.apply(addEventListener, controller.signal, given)
    );
    controller.signal.removeEventListener = (...given: any[]) => (
      listeners--,
      Reflect.apply(removeEventListener, controller.signal, given)
    );
    const { signal } = controller;
    await store.set(entryOf("a"), { signal });
    await store.add(entryOf("a"), { signal });
    await store.getMany([entryOf("a"), entryOf("b")], { signal });
    for await (const _ of store.entries({ signal }));
    await store.clear({ signal });
    expect(listeners).toBe(0);
  });
});

describe("many", () => {
  test("objects are read with no more requests at a time than maxRequests", async () => {
    const { fake, store } = stage({ maxRequests: 3 });
    let [now, most] = [0, 0];
    fake.before = async () => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => void setImmediate(resolve));
      now--;
    };
    await store.setMany(Array.from({ length: 20 }, (_, name) => entryOf(name)));
    await Promise.all([
      store.getMany(Array.from({ length: 20 }, (_, name) => entryOf(name))),
      store.getMany([entryOf(1), entryOf(2)]),
    ]);
    expect(most).toBe(3);
  });

  test("calls at a time wait for their turn, too, and a client that does not heed signals keeps nobody's", async () => {
    const { fake, store } = stage({ maxRequests: 2, timeoutMs: 20 });
    await store.set(entryOf("a"));
    const { send } = fake;
    let sent = 0;
    fake.send = () => {
      sent++;
      return new Promise(() => undefined);
    };
    const calls = Promise.allSettled(Array.from({ length: 10 }, () => store.get(entryOf("a"))));
    await Promise.resolve();
    expect(sent).toBe(2);
    expect((await calls).map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => "rejected"));
    fake.send = send;
    expect(await store.get(entryOf("a"))).toBeDefined();
  });

  test("reads end with the first failure, and nothing more is sent", async () => {
    const { fake, store } = stage({ maxRequests: 2 });
    fake.before = () => {
      throw serviceError("AccessDenied", 403);
    };
    await expect(store.getMany(Array.from({ length: 20 }, (_, name) => entryOf(name)))).rejects.toThrow("s3:GetObject");
    expect(fake.sent.length).toBeLessThanOrEqual(2);
  });
});

describe("clear", () => {
  test("is refused without a prefix, unless the whole bucket is the cache's", async () => {
    await expect(stage({ prefix: "" }).store.clear()).rejects.toMatchObject({
      code: "ERR_LLMCACHE_UNSUPPORTED",
      message: expect.stringContaining("wholeBucket"),
    });
    const { fake, store } = stage({ prefix: "", wholeBucket: true });
    await store.set(entryOf("a"));
    fake.put("somebody/else", "x");
    await store.clear();
    expect([...fake.objects.keys()]).toEqual(["somebody/else"]);
  });

  test("goes through pages, takes leftover probes along and spares what others put below the prefix", async () => {
    const { fake, store } = stage();
    fake.pageKeys = 7;
    await store.setMany(Array.from({ length: 40 }, (_, name) => entryOf(name)));
    fake.put("p/probe-123e4567-e89b-12d3-a456-426614174000", "left over");
    const others = [
      "p/notes.txt",
      `p/zz/${sampleId(1)}`,
      `p/00/${"f".repeat(64)}`,
      "p/\u0001 odd+key",
      `p2/${keyOf(1).slice(2)}`,
    ];
    for (const key of others) fake.put(key, "theirs");
    await store.clear();
    expect([...fake.objects.keys()].toSorted()).toEqual(others.toSorted());
  });

  test("notices objects that were not deleted", async () => {
    const { fake, store } = stage();
    await store.set(entryOf("a"));
    const send = fake.send.bind(fake);
    fake.send = async (...given) => ({
      ...((await send(...given)) as object),
      Errors: [{ Key: keyOf("a"), Code: "AccessDenied", Message: "no" }],
    });
    await expect(store.clear()).rejects.toMatchObject({
      code: "ERR_LLMCACHE_STORE",
      message: expect.stringMatching(/failed to delete: .*s3:DeleteObject.*1 of 1 objects/s),
    });
    fake.send = async (...given) => ({
      ...((await send(...given)) as object),
      Errors: [{ Key: keyOf("a"), Code: "NoSuchKey" }],
    });
    await store.clear();
  });

  test("deletes one by one where the server knows no batches", async () => {
    const { fake, store } = stage();
    fake.batches = false;
    await store.setMany(Array.from({ length: 5 }, (_, name) => entryOf(name)));
    await store.clear();
    expect(fake.objects.size).toBe(0);
  });
});

describe("lists", () => {
  test("read the beginning of long objects only, and more where the head is longer", async () => {
    const { fake, store } = stage();
    await store.set(entryOf("long body", { bytes: Buffer.alloc(200_000) }));
    await store.set(entryOf("long head", { request: { prompt: "long ".repeat(10_000) } }));
    fake.sent.length = 0;
    const heads = [];
    for await (const { head } of store.entries()) heads.push(head);
    expect(heads).toHaveLength(2);
    expect(heads.find(({ id }) => id === sampleId("long head"))?.request).toEqual({ prompt: "long ".repeat(10_000) });
    const ranges = fake.sent
      .filter(({ name }) => name === "GetObjectCommand")
      .map(({ input }) => String((input as { Range?: string }).Range));
    expect(ranges.toSorted((a, b) => a.localeCompare(b))).toEqual(["bytes=0-16383", "bytes=0-16383", "undefined"]);
  });

  test("end, with an error, on a server that ignores where to go on", async () => {
    const { fake, store } = stage();
    await store.setMany(Array.from({ length: 20 }, (_, name) => entryOf(name)));
    fake.pageKeys = 5;
    const send = fake.send.bind(fake);
    fake.send = (command, options) => {
      delete (command as { input: { StartAfter?: string } }).input.StartAfter;
      return send(command, options);
    };
    await expect(
      (async () => {
        for await (const _ of store.entries());
      })(),
    ).rejects.toThrow("start-after");
  });

  test("take no cursor of another store", async () => {
    await expect(stage().store.entries({ after: "q/aa/x" }).next()).rejects.toMatchObject({
      code: "ERR_LLMCACHE_OPTION",
    });
  });
});

test("another codec's entries are misses", async () => {
  const upsideDown: Codec = {
    name: "upside-down",
    readsPlain: false,
    encode: (bytes) => Buffer.from(bytes).reverse(),
    decode: (bytes) => Buffer.from(bytes).reverse(),
  };
  const { fake, store, events } = stage({ codec: upsideDown });
  await store.set(entryOf("a"));
  const plain = new S3Store({ client: fake, bucket: "b", prefix: "p/" });
  expect(await plain.get(entryOf("a"))).toBeUndefined();
  await plain.set(entryOf("b"));
  expect(await store.get(entryOf("b"))).toBeUndefined();
  expect(events).toMatchObject([{ type: "unreadable" }]);
});
