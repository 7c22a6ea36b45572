import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { startModelServer, type ModelServer } from "@llmcache/testing/model-server";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { startRedis, type RedisServer } from "../../../scripts/servers/redis.mjs";
import { ask, printed, question, Stage, stopped, type Start } from "./started.ts";

/** Where answers are: Redis by one variable, and tiers. */
let redis: RedisServer;
let model: ModelServer;
let stage: Stage;
beforeAll(async () => {
  redis = await startRedis({ password: "hunter22" });
  model = await startModelServer();
});
afterAll(async () => {
  await model.close();
  await redis.stop();
});
beforeEach(() => {
  stage = new Stage();
});
afterEach(() => {
  stage[Symbol.dispose]();
  model.reset();
});

const mine = { authorization: "Bearer mine" };

function on(store: string, env: Readonly<Record<string, string>> = {}): Start {
  return { env: { OPENAI_BASE_URL: model.baseURL, LLMCACHE_STORE: store, ...env } };
}

test("Redis by one variable: answers outlive the process, and no password is printed", async () => {
  const first = await stage.up(on(redis.url));
  expect(first.child.out).toContain(`redis://…@${redis.host}:${redis.port}`);
  expect((await ask(first.url, question("redis"), mine)).cache).toBe("miss");
  expect((await ask(first.url, question("redis"), mine)).cache).toBe("hit");
  expect(await stopped(first.child)).toBe(0);
  const second = await stage.up(on(redis.url));
  expect((await ask(second.url, question("redis"), mine)).cache).toBe("hit");
  expect(Number(await redis.command("DBSIZE"))).toBeGreaterThan(0);
  expect(first.child.out + first.child.err + second.child.out + second.child.err).not.toContain("hunter22");
  // The store has no file to keep the secret beside.
  expect(existsSync(join(stage.folder, ".cache/tenant-secret"))).toBe(true);
  expect(existsSync(join(stage.folder, ".cache/llmcache.db"))).toBe(false);
});

test("gateways on several machines share tenants with one secret, and not without", async () => {
  using elsewhere = new Stage();
  const secret = { LLMCACHE_TENANT_SECRET: "a-secret-for-all-gateways" };
  const body = question("shared secret");
  const [here, there] = [await stage.up(on(redis.url, secret)), await elsewhere.up(on(redis.url, secret))];
  expect((await ask(here.url, body, mine)).cache).toBe("miss");
  expect((await ask(there.url, body, mine)).cache).toBe("hit");
  expect((await ask(there.url, body, { authorization: "Bearer another" })).cache).toBe("miss");
  const alone = await elsewhere.up(on(redis.url));
  expect((await ask(alone.url, body, mine)).cache).toBe("miss");
});

test("a Redis that comes later is used as soon as it is there", async () => {
  const late = await startRedis();
  try {
    await late.kill();
    const { child, url } = await stage.up(on(late.url));
    await printed(child, "does not answer yet");
    expect(await ask(url, question("late"))).toMatchObject({ status: 200, cache: "miss" });
    expect((await fetch(`${url}/readyz`)).status).toBe(503);
    // Some failures in a row, and it is left alone.
    for (let n = 0; n < 6; n++) expect((await ask(url, question(`late ${n}`))).cache).toBe("miss");
    await printed(child, "not asked");
    await late.start();
    for (;;) {
      // The pause is ten seconds of its own clock.
      await setTimeout(100);
      await ask(url, question("late"));
      if ((await ask(url, question("late"))).cache === "hit") break;
    }
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    await printed(child, "works again");
    // Not a line for each request.
    expect(child.err.split("\n").length).toBeLessThan(20);
  } finally {
    await late.stop();
  }
});

test("tiers by name: the near one answers, the far one outlives the process", async () => {
  stage.file(
    "llmcache.yaml",
    `
tiers:
  - { name: near, url: "memory:?maxBytes=16MiB", maxTtl: 60s }
  - { name: far, urlEnv: FAR_STORE }
upstreams: [{ name: openai, baseURL: "${model.baseURL}" }]
`,
  );
  const env = { FAR_STORE: redis.url };
  const first = await stage.up({ env });
  expect(first.child.out).toMatch(/store: +near: memory:\?…\n +far: redis:\/\/…@/);
  const body = question("tiers");
  await ask(first.url, body);
  expect((await ask(first.url, body)).cache).toBe("hit");
  const { stores } = (await (await fetch(`${first.url}/cache/ping`)).json()) as { stores: { name: string }[] };
  expect(stores.map(({ name }) => name)).toEqual(["near", "far"]);
  await stopped(first.child);
  const second = await stage.up({ env });
  expect((await ask(second.url, body)).cache).toBe("hit");
});
