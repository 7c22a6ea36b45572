import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { aesCodec, LLMCache, MapStore, TieredStore, type Store } from "@llmcache/core";
import { FaultyStore } from "@llmcache/core/conformance";
import { DiskStore } from "@llmcache/disk";
import { MemoryStore } from "@llmcache/memory";
import { createGate } from "@llmcache/testing/model-server";
import { describe, expect, test } from "vitest";
import { ADMIN, linesOf, rawGet, startOperated, TOKEN, type Operated } from "./operated.ts";

const HOUR = 3_600_000;

interface ShownEntry {
  readonly id: string;
  readonly model?: string;
  readonly namespace?: string;
}

async function listed(gateway: Operated, query: string = ""): Promise<readonly ShownEntry[]> {
  const response = await gateway.send("GET", `/admin/entries${query}`);
  expect(response.status).toBe(200);
  return ((await response.json()) as { readonly entries: readonly ShownEntry[] }).entries;
}

async function modelsOf(gateway: Operated, query: string): Promise<readonly string[]> {
  return (await listed(gateway, query)).map(({ model = "" }) => model).sort();
}

async function failureOf(
  response: Response,
): Promise<{ readonly status: number; readonly message: string; readonly param: unknown }> {
  const { error } = (await response.json()) as { error: { message: string; param: unknown } };
  return { status: response.status, message: error.message, param: error.param };
}

/** Five entries of two tenants, an hour apart. */
async function filled(
  store: Store = new MapStore(),
  namespace?: string,
): Promise<{ cache: LLMCache; clock: () => number }> {
  let now = Date.UTC(2026, 0, 1);
  const clock = (): number => now;
  const cache = new LLMCache({ store, clock, keepRequests: true, ...(namespace === undefined ? {} : { namespace }) });
  const all = [
    ["gpt-4o", "openai", "chat.completions", "acme", ["docs"]],
    ["gpt-4o-mini", "openai", "chat.completions", "acme/red", ["docs", "red"]],
    ["gpt-4o", "openai", "responses", "acme-2", []],
    ["claude", "anthropic", "messages", "umbrella", ["docs"]],
    ["embed", "openai", "embeddings", "umbrella", []],
  ] as const;
  for (const [model, provider, operation, levels, tags] of all) {
    const request = { operation, provider, model, prompt: `the secret of ${model}`, namespace: levels.split("/") };
    await cache.set(request, { text: `answer of ${model}` }, tags.length === 0 ? {} : { tags: [...tags] });
    now += HOUR;
  }
  return { cache, clock };
}

describe("who may", () => {
  test("without a token there is nothing, whatever is sent", async () => {
    await using gateway = await startOperated({ adminToken: undefined });
    for (const token of ["", "undefined", TOKEN])
      expect((await gateway.send("GET", "/admin/stats", undefined, { authorization: `Bearer ${token}` })).status).toBe(
        404,
      );
    expect(gateway.model.count()).toBe(0);
  });

  test("only with the token: not with another, a part of it, more than it, or a caller's key", async () => {
    await using gateway = await startOperated();
    const wrong = [
      "",
      TOKEN,
      "Bearer",
      `Bearer ${TOKEN}x`,
      `Bearer ${TOKEN.slice(1)}`,
      `Basic ${TOKEN}`,
      "Bearer sk-one",
    ];
    for (const authorization of wrong) {
      const response = await gateway.send("GET", "/admin/stats", undefined, { authorization });
      expect([authorization, response.status]).toEqual([authorization, 401]);
      expect(response.headers.get("www-authenticate")).toMatch(/^Bearer/);
    }
    expect((await gateway.send("GET", "/admin/stats")).status).toBe(200);
    expect((await gateway.send("GET", "/admin/stats", undefined, { authorization: `bearer  ${TOKEN}` })).status).toBe(
      200,
    );
  });

  test("no web page of another origin, though it has the token", async () => {
    await using gateway = await startOperated();
    const { port } = gateway;
    const status = async (headers: Record<string, string>): Promise<number> =>
      (await rawGet(port, "/admin/stats", { authorization: `Bearer ${TOKEN}`, ...headers })).status;
    expect(await status({ origin: "https://evil.example" })).toBe(403);
    expect(await status({ origin: "null" })).toBe(403);
    // Another program on this machine serves pages, too.
    expect(await status({ origin: "http://127.0.0.1:1" })).toBe(403);
    expect(await status({ "sec-fetch-site": "cross-site" })).toBe(403);
    expect(await status({ origin: `http://127.0.0.1:${port}`, "sec-fetch-site": "same-origin" })).toBe(200);
  });

  test.each(["", "short", "fifteen-letters", "with white space in it", "ümlauts-are-not-sent-well"])(
    "a token like %j is refused at the start",
    async (adminToken) => {
      await expect(startOperated({ adminToken })).rejects.toThrow(/adminToken must have 16 characters/);
    },
  );
});

describe("stats", () => {
  test("counts, the stores, and with count=true how many entries there are", async () => {
    const { cache, clock } = await filled();
    await using gateway = await startOperated({ cache, clock });
    const plain = await (await gateway.send("GET", "/admin/stats")).json();
    expect(plain).toEqual({
      uptimeSeconds: 0,
      cache: cache.stats(),
      stores: [{ name: "map", store: "map", match: "exact", expiry: "swept", isWritten: true, canList: true }],
    });
    const counted = await (await gateway.send("GET", "/admin/stats?count=true")).json();
    expect(counted).toMatchObject({ listed: { entries: 5, bytes: expect.any(Number), isComplete: true } });
  });
});

describe("entries", () => {
  test("by model, provider, operation, tag, namespace and age, all of them together", async () => {
    const { cache, clock } = await filled();
    await using gateway = await startOperated({ cache, clock });
    expect(await modelsOf(gateway, "")).toEqual(["claude", "embed", "gpt-4o", "gpt-4o", "gpt-4o-mini"]);
    expect(await modelsOf(gateway, "?model=gpt-4o")).toEqual(["gpt-4o", "gpt-4o"]);
    expect(await modelsOf(gateway, "?model=gpt-*")).toEqual(["gpt-4o", "gpt-4o", "gpt-4o-mini"]);
    expect(await modelsOf(gateway, "?provider=anthropic")).toEqual(["claude"]);
    expect(await modelsOf(gateway, "?operation=responses")).toEqual(["gpt-4o"]);
    expect(await modelsOf(gateway, "?tag=docs")).toEqual(["claude", "gpt-4o", "gpt-4o-mini"]);
    // Those below it, and not those that merely begin like it.
    expect(await modelsOf(gateway, "?namespace=acme")).toEqual(["gpt-4o", "gpt-4o-mini"]);
    expect(await modelsOf(gateway, "?namespace=acme/red")).toEqual(["gpt-4o-mini"]);
    // Written 5, 4, 3, 2 and 1 hours ago.
    expect(await modelsOf(gateway, "?minAge=4h")).toEqual(["gpt-4o", "gpt-4o-mini"]);
    expect(await modelsOf(gateway, "?maxAge=7200")).toEqual(["claude", "embed"]);
    expect(await modelsOf(gateway, "?minAge=3h&maxAge=3h")).toEqual(["gpt-4o"]);
    expect(await modelsOf(gateway, "?tag=docs&namespace=acme&model=gpt-4o-mini")).toEqual(["gpt-4o-mini"]);
    expect(await modelsOf(gateway, "?tag=constructor")).toEqual([]);
  });

  test("heads only: no prompt unless asked, and never a body", async () => {
    const { cache, clock } = await filled();
    await using gateway = await startOperated({ cache, clock });
    const heads = await (await gateway.send("GET", "/admin/entries?model=claude")).json();
    expect(heads).toEqual({
      entries: [
        {
          id: expect.stringMatching(/^[0-9a-f]{64}$/),
          size: expect.any(Number),
          createdAt: Date.UTC(2026, 0, 1) + 3 * HOUR,
          ageSeconds: 7200,
          isExpired: false,
          operation: "messages",
          provider: "anthropic",
          model: "claude",
          namespace: "umbrella",
          durationMs: 0,
          tags: ["docs"],
        },
      ],
      next: null,
    });
    const withPrompts = await (await gateway.send("GET", "/admin/entries?model=claude&prompts=true")).text();
    expect(withPrompts).toContain("the secret of claude");
    expect(withPrompts).not.toContain("answer of");
  });

  test("page by page, every entry once, whatever the filter", async () => {
    const cache = new LLMCache({ store: new MemoryStore() });
    for (let index = 0; index < 25; index++)
      await cache.set({ operation: "chat", model: `m-${index % 2}`, prompt: index }, index);
    await using gateway = await startOperated({ cache });
    for (const [query, count] of [
      ["", 25],
      ["model=m-1&", 12],
    ] as const) {
      const seen: string[] = [];
      let [after, pages] = ["", 0];
      for (;;) {
        const page = await gateway.send("GET", `/admin/entries?${query}limit=10${after}`);
        const { entries, next } = (await page.json()) as { entries: readonly ShownEntry[]; next: string | null };
        expect(entries.length).toBeLessThanOrEqual(10);
        seen.push(...entries.map(({ id }) => id));
        pages++;
        if (next === null) break;
        after = `&after=${encodeURIComponent(next)}`;
      }
      expect([seen.length, new Set(seen).size]).toEqual([count, count]);
      expect(pages).toBeGreaterThan(1);
    }
  });

  test("what is wrong in a query is named", async () => {
    const { cache, clock } = await filled();
    await using gateway = await startOperated({ cache, clock });
    for (const [query, param, message] of [
      ["limit=0", "limit", "limit must be a whole number from 1 to 1000."],
      ["limit=1001", "limit", "limit must be a whole number from 1 to 1000."],
      ["limit=ten", "limit", "limit must be a whole number from 1 to 1000."],
      ["minAge=soon", "minAge", 'minAge must be seconds, or a text such as "90s", "12h" or "7d".'],
      ["minAge=2h&maxAge=1h", "minAge", "minAge must not be above maxAge: nothing is both."],
      ["prompts=maybe", "prompts", "prompts must be true or false."],
      ["model=", "model", "model must be a text of 1 to 1000 characters."],
      ["model=a&model=b", "model", "model stands twice."],
      ["modell=a", '"modell"', /^"modell" is no parameter here; known are model, /],
    ] as const) {
      const failure = await failureOf(await gateway.send("GET", `/admin/entries?${query}`));
      expect(failure).toEqual({
        status: 400,
        param,
        message: typeof message === "string" ? message : expect.stringMatching(message),
      });
    }
  });

  test("a store that cannot list says so, with 501", async () => {
    const { entries: _, ...inner } = Object.fromEntries(
      ["get", "set", "add", "delete", "clear"].map((method) => [method, () => Promise.resolve(undefined)]),
    );
    const store = { ...inner, contract: 1, name: "plain", match: "exact", expiry: "native" } as unknown as Store;
    await using gateway = await startOperated({ cache: new LLMCache({ store }) });
    const asked = [
      gateway.send("GET", "/admin/entries"),
      gateway.send("GET", "/admin/stats?count=true"),
      gateway.send("POST", "/admin/invalidate", { model: "x" }),
      gateway.send("DELETE", "/admin/namespace/x"),
      gateway.send("DELETE", "/admin/namespace/x", undefined, { ...ADMIN, accept: "application/x-ndjson" }),
    ];
    for (const response of await Promise.all(asked)) {
      const { status, message } = await failureOf(response);
      expect([status, message]).toEqual([501, expect.stringContaining("The plain store cannot list its entries")]);
    }
  });

  test("a store that fails is a 503 that says so; one that fails later cuts the lines off", async () => {
    const store = new FaultyStore(new MapStore());
    const { cache, clock } = await filled(store);
    const stores = [{ name: "far", store, url: "redis://user:pa55word@host" }];
    await using gateway = await startOperated({ cache, clock, stores });
    store.fail("entries", new Error("disk on fire, said pa55word"));
    const failure = await failureOf(await gateway.send("GET", "/admin/entries"));
    expect([failure.status, failure.message]).toEqual([503, expect.stringContaining("disk on fire, said …")]);
    Object.assign(store, {
      async *entries() {
        yield { head: { id: "0".repeat(64), createdAt: 0, metadata: {} }, size: 1, cursor: "1" };
        throw new Error("disk on fire");
      },
    });
    const lines = await gateway.send("GET", "/admin/entries", undefined, { ...ADMIN, accept: "application/x-ndjson" });
    expect(lines.status).toBe(200);
    await expect(lines.text()).rejects.toThrow();
  });

  test("entries of an encrypted store are listed and shown, and the file has none of it", async () => {
    const folder = mkdtempSync(join(tmpdir(), "llmcache-admin-"));
    const codec = aesCodec({ keys: [{ id: "k1", key: randomBytes(32) }] });
    const store = new DiskStore({ path: join(folder, "cache.db"), codec });
    const { cache, clock } = await filled(store);
    {
      await using gateway = await startOperated({ cache, clock });
      const [entry] = await listed(gateway, "?model=claude&namespace=umbrella");
      const shown = await (await gateway.send("GET", `/admin/entries/${entry!.id}?body=true`)).json();
      expect(shown).toMatchObject({ model: "claude", body: { kind: "json", value: { text: "answer of claude" } } });
    }
    for (const name of readdirSync(folder)) expect(readFileSync(join(folder, name)).includes("umbrella")).toBe(false);
    await store[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  test("of tiers all are gone through", async () => {
    const [near, far] = [new MapStore(), new MemoryStore()];
    const { cache, clock } = await filled(new TieredStore([near, far]));
    await using gateway = await startOperated({ cache, clock });
    const ids = (await listed(gateway)).map(({ id }) => id);
    expect(new Set(ids).size).toBe(5);
    const first = (await (await gateway.send("GET", "/admin/entries?limit=3")).json()) as { next: string };
    const rest = await listed(gateway, `?limit=1000&after=${encodeURIComponent(first.next)}`);
    expect(rest.length).toBe(ids.length - 3);
  });
});

describe("all entries by the line", () => {
  test("each with its cursor", async () => {
    const { cache, clock } = await filled();
    await using gateway = await startOperated({ cache, clock });
    const headers = { ...ADMIN, accept: "application/x-ndjson" };
    const response = await gateway.send("GET", "/admin/entries?namespace=umbrella", undefined, headers);
    expect(response.headers.get("content-type")).toBe("application/x-ndjson");
    const lines = await linesOf(response);
    expect(lines.map(({ model }) => model)).toEqual(["claude", "embed"]);
    for (const { cursor } of lines) expect(cursor).toEqual(expect.any(String));
  });

  test("no faster than they are read, and no further than somebody reads", async () => {
    let [given, ended] = [0, false];
    const store = new MapStore();
    const endless = Object.assign(new FaultyStore(store), {
      async *entries() {
        try {
          for (;;) {
            given++;
            const metadata = { model: "m".repeat(1000) };
            yield {
              head: { id: String(given).padStart(64, "0"), createdAt: 0, metadata },
              size: 1,
              cursor: String(given),
            };
          }
        } finally {
          ended = true;
        }
      },
    });
    await using gateway = await startOperated({ cache: new LLMCache({ store: endless as unknown as Store }) });
    const socket: Socket = connect(gateway.port, "127.0.0.1");
    await once(socket, "connect");
    socket.pause();
    socket.write(
      `GET /admin/entries HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${TOKEN}\r\nAccept: application/x-ndjson\r\n\r\n`,
    );
    await settledAt(() => given);
    const whenFull = given;
    expect(whenFull).toBeGreaterThan(0);
    // Buffers of the kernel and of the response, at a kilobyte each.
    expect(whenFull).toBeLessThan(50_000);
    socket.resume();
    await once(socket, "data");
    await until(() => given > whenFull);
    socket.destroy();
    await until(() => ended);
  });
});

/** When a number has not changed for a while of turns of the event loop. */
async function settledAt(read: () => number): Promise<number> {
  let [last, same] = [-1, 0];
  while (same < 200) {
    await new Promise((resolve) => setImmediate(resolve));
    same = read() === last && last > 0 ? same + 1 : 0;
    last = read();
  }
  return last;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

describe("one entry", () => {
  test("is what a caller was given, by the id in x-llmcache-key", async () => {
    await using gateway = await startOperated();
    await gateway.chat("Say hello.");
    const [entry] = await listed(gateway);
    const path = `/admin/entries/${entry!.id}`;
    const shown = await (await gateway.send("GET", path)).json();
    expect(shown).toMatchObject({ id: entry!.id, operation: "chat.completions", provider: "demo", isExpired: false });
    expect(shown).not.toHaveProperty("body");
    const { body } = (await (await gateway.send("GET", `${path}?body=true`)).json()) as { body: object };
    expect(JSON.stringify(body)).toContain("chat.completion");
  });

  test("that is none is a 404, an id that is none a 400", async () => {
    await using gateway = await startOperated();
    expect((await gateway.send("GET", `/admin/entries/${"0".repeat(64)}`)).status).toBe(404);
    for (const id of ["x", "0".repeat(63), "..%2f..%2fv1"]) {
      const { status, param } = await failureOf(await gateway.send("GET", `/admin/entries/${id}`));
      expect([status, param]).toEqual([400, "id"]);
    }
  });

  test("of the cache's own is not shown", async () => {
    const store = new FaultyStore(new MapStore());
    const ids: string[] = [];
    const { add } = store;
    store.add = (entry, options) => {
      if (entry.metadata.operation === "llmcache.tag") ids.push(entry.id);
      return add.call(store, entry, options);
    };
    const { cache, clock } = await filled(store);
    await using gateway = await startOperated({ cache, clock });
    expect(ids.length).toBe(2);
    expect((await gateway.send("GET", `/admin/entries/${ids[0]}`)).status).toBe(404);
  });

  test("is deleted, and asked for anew", async () => {
    await using gateway = await startOperated();
    await gateway.chat("Say hello.");
    expect(await gateway.chat("Say hello.")).toMatch(/hit/);
    const [entry] = await listed(gateway);
    const gone = await gateway.send("DELETE", `/admin/entries/${entry!.id}`);
    expect([gone.status, await gone.json()]).toEqual([200, { deleted: entry!.id }]);
    expect(await gateway.chat("Say hello.")).toMatch(/fwd=miss/);
  });
});

describe("invalidate", () => {
  test("by tag, for all who set it", async () => {
    await using gateway = await startOperated();
    const [one, two] = [{ "x-llmcache-tags": "docs" }, { "x-llmcache-tags": "docs", authorization: "Bearer sk-two" }];
    for (const headers of [one, two]) await gateway.chat("Say hello.", {}, headers);
    await gateway.chat("Something else.");
    const response = await gateway.send("POST", "/admin/invalidate", { tags: ["docs"] });
    expect([response.status, await response.json()]).toEqual([200, { invalidated: ["docs"] }]);
    for (const headers of [one, two]) expect(await gateway.chat("Say hello.", {}, headers)).toMatch(/fwd=miss/);
    expect(await gateway.chat("Something else.")).toMatch(/hit/);
  });

  test("by model and the like, and nothing else", async () => {
    const { cache, clock } = await filled();
    await using gateway = await startOperated({ cache, clock });
    const response = await gateway.send("POST", "/admin/invalidate", { model: "gpt-4o", namespace: "acme" });
    expect(await response.json()).toEqual({ seen: 5, removed: 1 });
    expect(await modelsOf(gateway, "")).toEqual(["claude", "embed", "gpt-4o", "gpt-4o-mini"]);
    expect(await (await gateway.send("POST", "/admin/invalidate", { minAge: "2h" })).json()).toEqual({
      seen: 4,
      removed: 3,
    });
    expect(await modelsOf(gateway, "")).toEqual(["embed"]);
  });

  test("everything, only if that is said", async () => {
    const { cache, clock } = await filled();
    await using gateway = await startOperated({ cache, clock });
    for (const body of [{}, { all: false }, { all: "true" }, { all: true, model: "x" }])
      expect((await gateway.send("POST", "/admin/invalidate", body)).status).toBe(400);
    expect((await listed(gateway)).length).toBe(5);
    expect(await (await gateway.send("POST", "/admin/invalidate", { all: true })).json()).toEqual({ cleared: true });
    expect(await listed(gateway)).toEqual([]);
  });

  test("tells its progress by the line", async () => {
    const cache = new LLMCache({ store: new MemoryStore() });
    for (let index = 0; index < 250; index++) await cache.set({ operation: "chat", model: "m", prompt: index }, index);
    await using gateway = await startOperated({ cache });
    const headers = { ...ADMIN, accept: "application/x-ndjson" };
    const lines = await linesOf(await gateway.send("POST", "/admin/invalidate", { model: "m" }, headers));
    expect(lines).toEqual([
      { seen: 100, removed: 100 },
      { seen: 200, removed: 200 },
      { seen: 250, removed: 250 },
      { seen: 250, removed: 250, done: true },
    ]);
  });

  test("a sweep that fails ends with the error", async () => {
    const store = new FaultyStore(new MapStore());
    const { cache, clock } = await filled(store);
    const stores = [{ name: "far", store, url: "redis://user:pa55word@host" }];
    await using gateway = await startOperated({ cache, clock, stores });
    store.fail("delete", new Error("read-only for pa55word"));
    const headers = { ...ADMIN, accept: "application/x-ndjson" };
    const lines = await linesOf(await gateway.send("POST", "/admin/invalidate", { model: "claude" }, headers));
    expect(lines.at(-1)).toMatchObject({
      error: { code: "ERR_LLMCACHE_STORE", message: expect.stringContaining("read-only for …") },
    });
    const plain = await failureOf(await gateway.send("POST", "/admin/invalidate", { model: "claude" }));
    expect([plain.status, plain.message]).toEqual([503, expect.stringContaining("read-only for …")]);
  });

  test("what is wrong in a body is named", async () => {
    const { cache, clock } = await filled();
    await using gateway = await startOperated({ cache, clock });
    for (const [body, param] of [
      [{ tags: [] }, "tags"],
      [{ tags: "docs" }, "tags"],
      [{ tags: ["docs"], model: "x" }, "tags"],
      [{ model: 7 }, "model"],
      [{ maxAge: [] }, "maxAge"],
      [{ tag: "docs" }, '"tag"'],
      [[], "The body"],
      ["x", "The body"],
    ] as const)
      expect(await failureOf(await gateway.send("POST", "/admin/invalidate", body))).toMatchObject({
        status: 400,
        param,
      });
    const broken = await fetch(`${gateway.url}/admin/invalidate`, {
      method: "POST",
      headers: { authorization: `Bearer ${TOKEN}` },
      body: "{",
    });
    expect(await failureOf(broken)).toEqual({ status: 400, message: "The body must be JSON.", param: "The body" });
    const long = await gateway.send("POST", "/admin/invalidate", { model: "x".repeat(9_000_000) });
    expect(long.status).toBe(413);
    expect((await listed(gateway)).length).toBe(5);
  });
});

describe("namespaces", () => {
  test("one is cleared with those below it; others are not touched", async () => {
    const { cache, clock } = await filled();
    await using gateway = await startOperated({ cache, clock });
    const response = await gateway.send("DELETE", "/admin/namespace/acme");
    expect(await response.json()).toEqual({ seen: 5, removed: 2 });
    const left = (await listed(gateway)).map(({ namespace = "" }) => namespace);
    expect(left.sort()).toEqual(["acme-2", "umbrella", "umbrella"]);
  });

  test("levels have slashes between, and escaped ones within", async () => {
    const cache = new LLMCache({ store: new MapStore() });
    await cache.set({ operation: "chat", prompt: 1, namespace: ["a", "b"] }, 1);
    await cache.set({ operation: "chat", prompt: 1, namespace: ["a/b"] }, 1);
    await using gateway = await startOperated({ cache });
    expect(await (await gateway.send("DELETE", "/admin/namespace/a%2Fb")).json()).toEqual({ seen: 2, removed: 1 });
    expect((await listed(gateway)).map(({ namespace }) => namespace)).toEqual(["a%2Fb"]);
    expect(await (await gateway.send("DELETE", "/admin/namespace/a%252Fb")).json()).toEqual({ seen: 1, removed: 1 });
    expect((await gateway.send("DELETE", "/admin/namespace/")).status).toBe(400);
    expect((await gateway.send("DELETE", "/admin/namespace/%E0%A4%A")).status).toBe(400);
  });

  test("of two tenants each keeps his own, and cannot clear anybody's", async () => {
    await using gateway = await startOperated();
    const two = { authorization: "Bearer sk-two" };
    await gateway.chat("Say hello.");
    await gateway.chat("Say hello.", {}, two);
    const names = new Set((await listed(gateway)).map(({ namespace }) => namespace));
    expect(names.size).toBe(2);
    const [mine] = await listed(gateway);
    const attempt = await gateway.send("DELETE", `/admin/namespace/${mine!.namespace}`, undefined, two);
    expect(attempt.status).toBe(401);
    await gateway.send("DELETE", `/admin/namespace/${mine!.namespace}`);
    const statuses = [await gateway.chat("Say hello."), await gateway.chat("Say hello.", {}, two)];
    expect(statuses.filter((status) => /; hit/.test(status ?? "")).length).toBe(1);
  });
});

describe("warm", () => {
  const chat = (content: string, key: string = "sk-one"): object => ({
    path: "/v1/chat/completions",
    headers: { authorization: `Bearer ${key}` },
    body: { model: "gpt-4o-mini", messages: [{ role: "user", content }] },
  });

  test("asks for what is not there, for the tenant whose key it sends, and tells of each", async () => {
    await using gateway = await startOperated();
    await gateway.chat("one");
    const requests = [chat("one"), chat("two"), chat("three", "sk-two"), { ...chat("x"), path: "/v1/nowhere" }];
    const lines = await linesOf(await gateway.send("POST", "/admin/warm", { requests, concurrency: 1 }));
    await gateway.cache.settled();
    expect(lines).toMatchObject([
      { index: 0, status: "fresh", httpStatus: 200 },
      { index: 1, status: "asked", httpStatus: 200 },
      { index: 2, status: "asked", httpStatus: 200 },
      { index: 3, status: "failed", httpStatus: 404 },
      { done: true, fresh: 1, asked: 2, failed: 1 },
    ]);
    expect(await gateway.chat("two")).toMatch(/hit/);
    expect(await gateway.chat("three", {}, { authorization: "Bearer sk-two" })).toMatch(/hit/);
    expect(await gateway.chat("three")).toMatch(/fwd=miss/);
    // The admin token goes nowhere.
    expect(JSON.stringify(gateway.model.requests)).not.toContain(TOKEN);
  });

  test("streams are read to their end: what is left half-way is not stored", async () => {
    await using gateway = await startOperated();
    const gate = createGate();
    gateway.model.enqueue({ content: "one two", stream: { gate: (index) => (index < 2 ? undefined : gate.opened) } });
    const body = { model: "gpt-4o-mini", stream: true, messages: [{ role: "user", content: "stream" }] };
    const warming = gateway.send("POST", "/admin/warm", { requests: [{ ...chat(""), body }] });
    await gateway.model.waitFor(1);
    gate.open();
    expect((await linesOf(await warming)).at(-1)).toMatchObject({ asked: 1 });
    await gateway.cache.settled();
    expect(await gateway.chat("stream", { stream: true })).toMatch(/hit/);
  });

  test("never more at a time than it may, and no more when whoever asked has gone", async () => {
    await using gateway = await startOperated();
    gateway.model.reply({ hang: true });
    const requests = Array.from({ length: 12 }, (_, index) => chat(`question ${index}`));
    const leaving = new AbortController();
    const response = await fetch(`${gateway.url}/admin/warm`, {
      method: "POST",
      headers: ADMIN,
      body: JSON.stringify({ requests, concurrency: 3 }),
      signal: leaving.signal,
    });
    expect(response.status).toBe(200);
    expect(await settledAt(() => gateway.model.count())).toBe(3);
    leaving.abort();
    await Promise.all(gateway.model.requests.map(({ ended }) => ended));
    expect(gateway.model.requests.map(({ aborted }) => aborted)).toEqual([true, true, true]);
    expect(await settledAt(() => gateway.model.count())).toBe(3);
  });

  test("what is wrong is named, and nothing is asked", async () => {
    await using gateway = await startOperated();
    for (const [body, param] of [
      [{}, "requests"],
      [{ requests: [] }, "requests"],
      [{ requests: Array.from({ length: 1001 }, () => chat("x")) }, "requests"],
      [{ requests: [chat("x")], concurrency: 0 }, "concurrency"],
      [{ requests: [chat("x")], concurrency: 1000 }, "concurrency"],
      [{ requests: [chat("x"), 7] }, "requests[1]"],
      [{ requests: [{ ...chat("x"), path: "http://elsewhere/v1" }] }, "requests[0].path"],
      [{ requests: [{ ...chat("x"), path: "/admin/warm" }] }, "requests[0].path"],
      [{ requests: [{ ...chat("x"), path: "//admin/warm" }] }, "requests[0].path"],
      [{ requests: [{ ...chat("x"), path: "/v1/x HTTP/1.1\r\nevil: 1" }] }, "requests[0].path"],
      [{ requests: [{ ...chat("x"), body: "text" }] }, "requests[0].body"],
      [{ requests: [{ ...chat("x"), headers: { host: "evil" } }] }, "requests[0].headers.host"],
      [{ requests: [{ ...chat("x"), headers: { a: "b\r\nc: d" } }] }, "requests[0].headers.a"],
      [{ requests: [{ ...chat("x"), method: "GET" }] }, "requests[0].method"],
    ] as const)
      expect(await failureOf(await gateway.send("POST", "/admin/warm", body))).toMatchObject({ status: 400, param });
    expect(gateway.model.count()).toBe(0);
  });
});

test("a path or method that is none is named", async () => {
  await using gateway = await startOperated();
  for (const path of ["/admin", "/admin?x=1", "/admin/", "/admin/nothing", "/admin/stats/x", "/admin/stats/"])
    expect((await gateway.send("GET", path)).status).toBe(404);
  expect(gateway.model.count()).toBe(0);
  const put = await gateway.send("PUT", "/admin/entries");
  expect([put.status, put.headers.get("allow")]).toEqual([405, "HEAD, GET"]);
  const get = await gateway.send("GET", "/admin/warm");
  expect([get.status, get.headers.get("allow")]).toEqual([405, "POST"]);
});
