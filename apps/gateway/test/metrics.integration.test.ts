import { LLMCache } from "@llmcache/core";
import { describe, expect, test } from "vitest";
import { parseExposition } from "./exposition.ts";
import { ADMIN, rawGet, startOperated } from "./operated.ts";

describe("/metrics", () => {
  test("of requests through a gateway, in Prometheus's format", async () => {
    await using gateway = await startOperated();
    await gateway.chat("Say hello.");
    await gateway.chat("Say hello.");
    await (await gateway.get("/v1/models")).text();
    const response = await gateway.get("/metrics");
    expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    const samples = parseExposition(await response.text());
    const requests = samples
      .filter(({ name }) => name === "llmcache_requests_total")
      .map(({ labels: { operation, cache, status, upstream }, value }) => [upstream, operation, cache, status, value]);
    expect(requests).toEqual(
      expect.arrayContaining([
        ["demo", "chat.completions", "miss", "2xx", 1],
        ["demo", "chat.completions", "hit", "2xx", 1],
      ]),
    );
    expect(samples).toContainEqual({
      name: "llmcache_tokens_total",
      labels: { ledger: "saved" },
      value: expect.any(Number),
    });
  });

  test("no prompt, no answer, no key and no credential is in it", async () => {
    await using gateway = await startOperated();
    await gateway.chat("my diagnosis", { user: "patient-7" });
    const text = await (await gateway.get("/metrics")).text();
    const [entry] = (
      (await (await gateway.send("GET", "/admin/entries")).json()) as { entries: { id: string; namespace: string }[] }
    ).entries;
    for (const secret of ["diagnosis", "answer 1", "sk-one", "patient-7", entry!.id, entry!.namespace])
      expect(text).not.toContain(secret);
  });

  test.each([
    // From this machine; for somebody else by a proxy; with the token.
    ["loopback", 200, 401, 200],
    ["open", 200, 200, 200],
    ["token", 401, 401, 200],
    ["off", 404, 404, 404],
  ] as const)("access %s", async (metrics, local, proxied, admin) => {
    await using gateway = await startOperated({ metrics });
    const statuses = await Promise.all(
      [{}, { "x-forwarded-for": "203.0.113.7" }, { ...ADMIN, via: "1.1 proxy" }].map(
        async (headers) => (await gateway.get("/metrics", headers)).status,
      ),
    );
    expect(statuses).toEqual([local, proxied, admin]);
  });

  test("for this machine only, where there is no token", async () => {
    await using gateway = await startOperated({ adminToken: undefined });
    expect((await gateway.get("/metrics")).status).toBe(200);
    expect((await gateway.get("/metrics", { "x-forwarded-for": "203.0.113.7" })).status).toBe(404);
  });

  test("a name that is not loopback's is asked for by somebody else: a proxy, or a page that came by it", async () => {
    await using gateway = await startOperated({ adminToken: undefined }, { hosts: "any" });
    const status = async (host: string): Promise<number> => (await rawGet(gateway.port, "/metrics", { host })).status;
    for (const host of ["gw.example", "gw.example:4141", "localhost.gw.example", "127.0.0.1.gw.example"])
      expect([host, await status(host)]).toEqual([host, 404]);
    for (const host of ["localhost:4141", "LOCALHOST", "127.0.0.1", "[::1]:4141"])
      expect([host, await status(host)]).toEqual([host, 200]);
  });

  test("off: no upstream gets what was meant for it", async () => {
    await using gateway = await startOperated({ metrics: "off" });
    const response = await gateway.get("/metrics", ADMIN);
    expect([response.status, await response.json()]).toEqual([
      404,
      { error: expect.objectContaining({ message: "There is nothing here: metrics are off." }) },
    ]);
    expect(gateway.model.requests).toEqual([]);
  });

  test("not for web pages of other origins, however open", async () => {
    await using gateway = await startOperated({ metrics: "open" });
    expect((await rawGet(gateway.port, "/metrics", { origin: "http://127.0.0.1:1" })).status).toBe(403);
    expect((await rawGet(gateway.port, "/metrics", { "sec-fetch-site": "cross-site" })).status).toBe(403);
  });
});

test.each([
  [{ metrics: "everybody" as never }, "metrics must be one of open, loopback, token, off, not everybody."],
  [{ metrics: "token" as const, adminToken: undefined }, 'metrics: "token" needs an adminToken.'],
  [{ storeDeadlineMs: 0 }, "storeDeadlineMs must be a whole number of milliseconds from 1, not 0."],
  [{ storeDeadlineMs: 2 ** 31 }, "storeDeadlineMs must be a whole number of milliseconds from 1, not 2147483648."],
])("options that are none are named: %j", async (options, message) => {
  await expect(startOperated(options)).rejects.toThrow(message);
});

test("after it was closed nothing listens to the cache", async () => {
  let listeners = 0;
  const cache = new LLMCache();
  const { on } = cache;
  cache.on = (listener) => {
    listeners++;
    const end = on.call(cache, listener);
    return () => {
      listeners--;
      end();
    };
  };
  const gateway = await startOperated({ cache });
  expect(listeners).toBe(1);
  await gateway[Symbol.asyncDispose]();
  expect(listeners).toBe(0);
});
