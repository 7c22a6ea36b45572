import { createServer } from "node:net";
import { inspect } from "node:util";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { isLLMCacheError, LLMCache } from "@llmcache/core";
import { sampleEntry } from "@llmcache/core/conformance";
import { s3Store, type S3ConnectionOptions, type S3Store } from "@llmcache/s3";
import { ownCeph, ownServersProblem } from "./servers.ts";

const TIMEOUT_MS = 500;
const entry = sampleEntry();

describe.skipIf((await ownServersProblem()) !== undefined)("with a server that may be stopped", () => {
  const ceph = ownCeph();

  const using = async <T>(options: Partial<S3ConnectionOptions>, work: (store: S3Store) => Promise<T>): Promise<T> => {
    const store = s3Store({ ...ceph.place, prefix: "outages/", ...options });
    try {
      return await work(store);
    } finally {
      await store[Symbol.asyncDispose]();
    }
  };

  /** What every method rejects with. */
  const refusals = (options: Partial<S3ConnectionOptions>): Promise<Error[]> =>
    using(options, async (store) => {
      const list = async (): Promise<void> => {
        for await (const _ of store.entries());
      };
      const calls = [
        store.get(entry),
        store.set(entry),
        store.add(entry),
        store.delete(entry),
        store.clear(),
        store.getMany([entry]),
        store.setMany([entry]),
        list(),
      ];
      const results = await Promise.allSettled(calls);
      return results.map((result) =>
        result.status === "rejected" ? (result.reason as Error) : expect.fail("a call did not reject"),
      );
    });

  const expectAdvice = (errors: readonly Error[], advice: RegExp, secrets: readonly string[] = []): void => {
    for (const error of errors) {
      expect(isLLMCacheError(error, "ERR_LLMCACHE_STORE")).toBe(true);
      expect(error.message).toMatch(advice);
      const seen = inspect(error, { depth: null, showHidden: true });
      for (const secret of [...secrets, ceph.place.credentials.secretAccessKey]) expect(seen).not.toContain(secret);
    }
  };

  describe("a refusal says what a person should do:", () => {
    test("wrong secret", async () => {
      const secretAccessKey = "wrong".repeat(8);
      expectAdvice(
        await refusals({ credentials: { ...ceph.place.credentials, secretAccessKey } }),
        /the secret key is wrong: check secretAccessKey/,
        [secretAccessKey],
      );
    });

    test("wrong access key", async () => {
      const accessKeyId = "NOSUCHKEY0123456789A";
      expectAdvice(
        await refusals({ credentials: { ...ceph.place.credentials, accessKeyId } }),
        /does not know the access key: check accessKeyId/,
        [accessKeyId],
      );
    });

    test("wrong bucket", async () => {
      expectAdvice(
        await refusals({ bucket: "no-such-bucket" }),
        /bucket "no-such-bucket" .*there is no such bucket: create it/,
      );
    });

    test("another user's bucket", async () => {
      expectAdvice(
        await refusals({ credentials: await ceph.server.createUser(`other${Date.now()}`) }),
        /these credentials may not do this: allow s3:GetObject/,
      );
    });

    test("self-signed certificate", async () => {
      expectAdvice(
        await refusals({ endpoint: ceph.server.tlsEndpoint }),
        /its certificate is not one that this machine trusts: give its authority as tls: \{ ca \}/,
      );
    });

    test("plain HTTP where the server wants TLS, and the other way round", async () => {
      expectAdvice(
        await refusals({ endpoint: ceph.server.tlsEndpoint.replace("https:", "http:") }),
        /S3 store of bucket/,
      );
      expectAdvice(
        await refusals({ endpoint: ceph.server.endpoint.replace("http:", "https:") }),
        /it does not speak TLS on this port/,
      );
    });

    test("unknown host", async () => {
      expectAdvice(
        await refusals({ endpoint: "https://no-such-host.invalid" }),
        /the host is unknown: check endpoint and region/,
      );
    });

    test("nothing that listens", async () => {
      expectAdvice(await refusals({ endpoint: "http://127.0.0.1:1" }), /nothing listens there: check endpoint/);
    });
  });

  test("a self-signed server can be trusted, by its certificate or blindly", async () => {
    for (const tls of [{ ca: ceph.server.ca }, { rejectUnauthorized: false }]) {
      await using({ endpoint: ceph.server.tlsEndpoint, tls, prefix: `tls-${"ca" in tls}/` }, async (store) => {
        expect(await store.add(entry)).toBe(true);
        expect(await store.get(entry)).toBeDefined();
        await store.clear();
      });
    }
  });

  test("a server that was killed fails at once, and serves again when it is back, with the same store", async () => {
    await using({ prefix: "killed/" }, async (store) => {
      await store.set(entry);
      await ceph.server.kill();
      try {
        await expect(store.get(entry)).rejects.toThrow(/nothing listens there|the connection was lost/);
        await expect(store.add(entry)).rejects.toMatchObject({ code: "ERR_LLMCACHE_STORE" });
      } finally {
        await ceph.server.startGateway();
      }
      expect(await store.get(entry)).toBeDefined();
      expect(await store.add(entry)).toBe(false);
    });
  });

  test("a server that froze costs no more than the deadline, and serves again when it thaws", async () => {
    await using({ prefix: "frozen/", timeoutMs: TIMEOUT_MS }, async (store) => {
      await store.set(entry);
      ceph.server.pause();
      try {
        const list = async (): Promise<void> => {
          for await (const _ of store.entries());
        };
        for (const call of [
          store.get(entry),
          store.set(entry),
          store.add(entry),
          store.getMany([entry, entry]),
          store.clear(),
          list(),
        ]) {
          await expect(call).rejects.toMatchObject({
            code: "ERR_LLMCACHE_STORE",
            message: expect.stringContaining(`within ${TIMEOUT_MS} ms (timeoutMs)`),
          });
        }
        const signal = AbortSignal.abort(new Error("enough"));
        await expect(store.get(entry, { signal })).rejects.toThrow("enough");
      } finally {
        ceph.server.resume();
      }
    });
    await using({ prefix: "frozen/" }, async (store) => {
      expect((await store.get(entry))?.entry.id).toBe(entry.id);
    });
  });

  test("a cache over a server that froze answers all the same", async () => {
    await using({ prefix: "cache/" }, async (store) => {
      const cache = new LLMCache({ store, storeTimeoutMs: 100 });
      ceph.server.pause();
      try {
        expect(await cache.through({ operation: "o", prompt: "p" }, async () => "fresh")).toMatchObject({
          status: "miss",
          value: "fresh",
        });
      } finally {
        ceph.server.resume();
      }
      await cache.settled();
    });
  });
});

test("a server that accepts and says nothing costs no more than the deadline", async () => {
  const silent = createServer((socket) => void socket.on("error", () => undefined).resume());
  silent.listen(0, "127.0.0.1");
  await once(silent, "listening");
  const { port } = silent.address() as { port: number };
  const store = s3Store({
    bucket: "b",
    region: "r",
    endpoint: `http://127.0.0.1:${port}`,
    credentials: { accessKeyId: "a", secretAccessKey: "s" },
    timeoutMs: 100,
  });
  await expect(store.get(entry)).rejects.toThrow("did not read within 100 ms");
  await store[Symbol.asyncDispose]();
  await new Promise((resolve) => silent.close(resolve));
});

test("what is no S3 server is an error, not a miss", async () => {
  for (const answer of [
    "HTTP/1.1 404 Not Found\r\ncontent-type: text/html\r\ncontent-length: 15\r\n\r\n<p>Not here</p>",
    "HTTP/1.1 200 OK\r\ncontent-length: 100\r\nconnection: close\r\n\r\nshort",
    "SSH-2.0-x\r\n",
  ]) {
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.once("data", () => socket.end(answer));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    const store = s3Store({
      bucket: "b",
      region: "r",
      endpoint: `http://127.0.0.1:${port}`,
      credentials: { accessKeyId: "a", secretAccessKey: "s" },
      clientConfig: { maxAttempts: 1 },
    });
    await expect(store.get(entry)).rejects.toMatchObject({ code: "ERR_LLMCACHE_STORE" });
    await store[Symbol.asyncDispose]();
    await new Promise((resolve) => server.close(resolve));
  }
});

test("credentials reach the server, the session token too, and nothing that old servers refuse", async () => {
  const heard = Promise.withResolvers<string>();
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    let text = "";
    socket.on("data", (chunk) => {
      text += String(chunk);
      if (!text.includes("Forty-two")) return;
      heard.resolve(text);
      socket.end("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const store = s3Store({
    bucket: "b",
    region: "eu-x-1",
    endpoint: `127.0.0.1:${port}`,
    tls: false,
    credentials: { accessKeyId: "theid", secretAccessKey: "s", sessionToken: "thetoken" },
  });
  await store.set(entry);
  const text = (await heard.promise).toLowerCase();
  expect(text).toMatch(/^put \/b\/llmcache\//);
  expect(text).toContain("x-amz-security-token: thetoken");
  expect(text).toMatch(/credential=theid\/\d+\/eu-x-1\/s3\//);
  expect(text).toMatch(/\r\ncontent-length: [1-9]/);
  for (const refused of ["transfer-encoding", "x-amz-trailer", "aws-chunked", "x-amz-checksum"])
    expect(text).not.toContain(refused);
  await store[Symbol.asyncDispose]();
  await new Promise((resolve) => server.close(resolve));
});
