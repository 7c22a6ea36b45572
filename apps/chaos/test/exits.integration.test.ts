import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { startRedis, type RedisServer } from "../../../scripts/servers/redis.mjs";
import { Servers } from "../src/servers.ts";
import { serversProblem } from "./servers-problem.ts";

const CHILD = join(import.meta.dirname, "children/one-use.ts");
/** Nobody should wait for a program that is done: a bound on hanging, with the start of Node in it. */
const PATIENCE_MS = 20_000;

const servers = new Servers();
let redis: Promise<RedisServer> | undefined;
afterAll(async () => {
  await servers[Symbol.asyncDispose]();
  await (await redis)?.stop();
});

const PLACES: Readonly<Record<string, () => Promise<object>>> = {
  map: async () => ({}),
  memory: async () => ({}),
  disk: async () => ({}),
  redis: async () => ({ url: (await (redis ??= startRedis())).url }),
  s3: async () => (await servers.bucket()).place,
};

/** What a program printed and how it ended; `undefined`: it did not. */
async function ending(store: string, end: string): Promise<{ printed: string; code: number | undefined }> {
  const place = JSON.stringify({ ...(await PLACES[store]?.()), prefix: `${store}-${end}` });
  const child = spawn(process.execPath, ["--conditions=@llmcache/source", CHILD, store, end, place], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let printed = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (printed += text));
  const closed = once(child, "close");
  const timer = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
  const [code] = (await closed) as [number | null];
  clearTimeout(timer);
  return { printed, code: code ?? undefined };
}

describe.concurrent("a program ends by itself that used and disposed", () => {
  test.each(Object.keys(PLACES))("a %s store", { timeout: 2 * PATIENCE_MS }, async (store) => {
    if ((await serversProblem(store)) !== undefined) return;
    expect(await ending(store, "dispose")).toEqual({ printed: "miss hit", code: 0 });
  });
});

// A Redis connection that nobody closes keeps a program alive, as ioredis does.
describe.concurrent("a program ends by itself that forgot to dispose", () => {
  test.each(["map", "memory", "disk", "s3"])("a %s store", { timeout: 2 * PATIENCE_MS }, async (store) => {
    if ((await serversProblem(store)) !== undefined) return;
    expect(await ending(store, "forget")).toEqual({ printed: "miss hit", code: 0 });
  });
});
