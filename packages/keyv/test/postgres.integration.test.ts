import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { KeyvPostgres } from "@keyv/postgres";
import { Keyv } from "keyv";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LLMCache, zstdCodec, type Store } from "@llmcache/core";
import { storeChecks, type StoreCheckContext, type StoreCheckOptions } from "@llmcache/core/conformance";
import { openStore } from "@llmcache/core/open";
import { KeyvStore } from "@llmcache/keyv";
import { postgresPrograms, startPostgres, type PostgresServer } from "../../../scripts/servers/postgres.mjs";
import { entryOf, has, idsOf, valueOf } from "./places.ts";

/** Where the adapters are installed. */
const from = import.meta.dirname;
const given = process.env["LLMCACHE_TEST_POSTGRES_URL"];
const isGiven = given !== undefined && given !== "";
/** Only who names a server may go without one that the tests can stop and start: elsewhere, it is missing. */
const canStart =
  !isGiven ||
  (await postgresPrograms().then(
    () => true,
    () => false,
  ));

let own: PostgresServer;
beforeAll(async () => {
  if (canStart) own = await startPostgres();
});
afterAll(() => own?.stop());

const serverUrl = (): string => (isGiven ? given : own.url);
const query = (url: string, name: string): string => `${url}${url.includes("?") ? "&" : "?"}${name}`;
const opened = (url: string, namespace: string): Promise<Store> =>
  openStore(`keyv:${query(url, `namespace=${namespace}`)}`, { from });

describe.each<[string, (context: StoreCheckContext) => Store | Promise<Store>]>([
  ["opened by URL", ({ label }) => opened(serverUrl(), label)],
  [
    "a Keyv with a namespace",
    // Adapters with equal settings share a pool, and the first to disconnect ends it: each has settings of its own here.
    ({ label }) => {
      const keyv = new Keyv({
        store: new KeyvPostgres({ uri: serverUrl(), application_name: crypto.randomUUID() }),
        namespace: label,
      });
      keyv.on("error", () => undefined);
      return new KeyvStore({ keyv, prefix: "", disconnect: true });
    },
  ],
  [
    "an adapter told apart by the prefix, compressed",
    ({ label }) =>
      new KeyvStore({
        adapter: new KeyvPostgres({ uri: serverUrl(), application_name: crypto.randomUUID() }),
        prefix: label,
        codec: zstdCodec(),
        disconnect: true,
      }),
  ],
])("PostgreSQL, %s, keeps the contract", (_, make) => {
  const options: StoreCheckOptions = {
    nonAtomicAdd: "Keyv has no conditional write",
    sibling: (_store, context) => make(context),
    reopen: async (store, context) => {
      await store[Symbol.asyncDispose]();
      return make(context);
    },
  };
  for (const check of storeChecks(make, options)) test.skipIf(check.skip !== undefined)(check.name, check.run);
});

test("stores of one URL do not depend on each other", async () => {
  const [first, second] = [await opened(serverUrl(), "shared"), await opened(serverUrl(), "shared")];
  await first.set(entryOf("a"));
  expect(await valueOf(second, "a")).toBe("a");
  await first[Symbol.asyncDispose]();
  expect(await valueOf(second, "a")).toBe("a");
  await second.clear();
  await second[Symbol.asyncDispose]();
});

test("what has ended is dropped by the adapter", async () => {
  const adapter = new KeyvPostgres({ uri: serverUrl(), application_name: crypto.randomUUID() });
  const store = new KeyvStore({ adapter, prefix: "ended-", disconnect: true });
  await store.set(entryOf("a", { deleteAt: Date.now() - 1 }));
  await store.set(entryOf("b", { deleteAt: Date.now() + 2 ** 33 }));
  expect([await has(store, "a"), await has(store, "b")]).toEqual([false, true]);
  expect(await idsOf(store)).toEqual([entryOf("b").id]);
  await store.clear();
  await store[Symbol.asyncDispose]();
});

describe.skipIf(!canStart)("a server of one's own", () => {
  test("that goes away is an error, and works again when it is back", async () => {
    await using server = await startPostgres();
    const store = await opened(server.url, "outage");
    await store.set(entryOf("a"));
    await server.kill();
    for (const call of [
      () => store.get({ id: entryOf("a").id }),
      () => store.set(entryOf("b")),
      () => store.clear(),
      () => idsOf(store),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: "ERR_LLMCACHE_STORE" });
    }
    await server.start();
    expect(await valueOf(store, "a")).toBe("a");
    await store[Symbol.asyncDispose]();
  });

  test("that is not there yet costs a miss, and is used as soon as it is", async () => {
    await using server = await startPostgres();
    await server.kill();
    const store = await opened(server.url, "late");
    const cache = new LLMCache({ store });
    const failures: unknown[] = [];
    cache.on((event) => event.type === "failure" && failures.push(event));
    const ask = async (): Promise<string> => {
      const { status } = await cache.through({ operation: "test", prompt: "?" }, async () => "answer");
      await cache.settled();
      return status;
    };
    expect(await ask()).toBe("miss");
    expect(failures).not.toEqual([]);
    await server.start();
    expect([await ask(), await ask()]).toEqual(["miss", "hit"]);
    await store[Symbol.asyncDispose]();
  });

  test("whose table was dropped has it again after one failure", async () => {
    await using server = await startPostgres();
    const store = await opened(server.url, "dropped");
    await store.set(entryOf("a"));
    const admin = new KeyvPostgres(server.url);
    await (Reflect.get(admin, "query") as (sql: string) => Promise<unknown>)("DROP TABLE keyv");
    await admin.disconnect();
    await expect(store.set(entryOf("a"))).rejects.toThrow(/could not write: relation "public.keyv" does not exist/);
    await store.set(entryOf("a"));
    expect(await has(store, "a")).toBe(true);
    await store[Symbol.asyncDispose]();
  });

  test("that closes idle connections does not end the process, which ends by itself afterwards", async () => {
    await using server = await startPostgres();
    const script = `
      import { openStore } from "@llmcache/core/open";
      import { sampleEntry, sampleId } from "@llmcache/core/conformance";
      const store = await openStore(process.env.STORE, { from: process.cwd() });
      await store.set(sampleEntry());
      const closed = new Promise((resolve) => process.stdin.once("data", resolve));
      console.log("connected");
      await closed;
      const error = await store.get({ id: sampleId("entry") }).catch((error) => error);
      console.log(error.code);
      await store[Symbol.asyncDispose]();
      process.stdin.destroy();`;
    const running = promisify(execFile)(
      process.execPath,
      ["--conditions=@llmcache/source", "--input-type=module", "--eval", script],
      {
        cwd: from,
        env: { ...process.env, STORE: `keyv:${server.url}` },
      },
    );
    await new Promise((resolve) => {
      running.child.stdout?.once("data", resolve);
    });
    await server.kill();
    running.child.stdin?.end("closed\n");
    expect((await running).stdout).toBe("connected\nERR_LLMCACHE_STORE\n");
  });

  test.each([
    [
      "a wrong password",
      (url: string) => url.replace(/:[^:@]+@/, ":wrong@"),
      /could not read: password authentication failed for user "llmcache"\.$/,
    ],
    [
      "a database that is not there",
      (url: string) => url.replace(/postgres$/, "nowhere"),
      /could not read: database "nowhere" does not exist\.$/,
    ],
    [
      "a port where nobody listens",
      (url: string) => url.replace(/:\d+\//, ":1/"),
      /could not read: connect ECONNREFUSED 127\.0\.0\.1:1\.$/,
    ],
    [
      "an unknown host",
      (url: string) => url.replace(/@[^/]+/, "@nowhere.invalid"),
      /could not read: getaddrinfo \w+ nowhere\.invalid\.$/,
    ],
  ])("%s is named, and no password is told", async (_, change, message) => {
    const store = await opened(change(own.url), "wrong");
    const error = (await store.get({ id: entryOf("a").id }).catch((reason: unknown) => reason)) as Error;
    expect(error).toMatchObject({ code: "ERR_LLMCACHE_STORE", message: expect.stringMatching(message) });
    expect(`${error.message} ${String(error.cause)}`).not.toMatch(/pass%20word|pass word/);
    await store[Symbol.asyncDispose]();
  });
});
