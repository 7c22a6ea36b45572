import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { MapStore } from "@llmcache/core";
import { masked, openStore, parametersOf, pathOf, registerScheme, splitTierUrl } from "@llmcache/core/open";
import { sampleEntry } from "@llmcache/core/conformance";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi, type Mock } from "vitest";
import { Clock } from "./stage.ts";

const option = (message: string): unknown =>
  expect.objectContaining({ code: "ERR_LLMCACHE_OPTION", message: expect.stringContaining(message) });

describe("openStore", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "llmcache-open-"));
    const home = join(folder, "node_modules/@llmcache/keyv");
    await mkdir(home, { recursive: true });
    await writeFile(
      join(home, "package.json"),
      JSON.stringify({ name: "@llmcache/keyv", type: "module", exports: { "./open": "./open.js" } }),
    );
    await writeFile(
      join(home, "open.js"),
      "export const open = (url, options) => ({ name: 'from the application', url, options });",
    );
  });
  afterAll(() => rm(folder, { recursive: true }));

  test("imports the package that the application has installed, and hands it the URL and the options", async () => {
    const clock = (): number => 7;
    expect(await openStore("keyv:anything?x=1", { from: folder, clock })).toEqual({
      name: "from the application",
      url: "keyv:anything?x=1",
      options: { from: folder, clock },
    });
  });

  /** What opening a URL fails with in a process of its own: a test runner may look in further folders (NODE_PATH), where the package is. */
  const failure = async (url: string): Promise<string> => {
    const { NODE_PATH: _path, ...env } = process.env;
    const open = pathToFileURL(join(import.meta.dirname, "../src/open.ts")).href;
    const program = `import { openStore } from ${JSON.stringify(open)}; console.log(await openStore(${JSON.stringify(url)}, { from: ${JSON.stringify(folder)} }).catch((error) => error.code + " " + error.message));`;
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", program], { env });
    return stdout;
  };

  test.each([
    ["s3://bucket", "@llmcache/s3"],
    ["memory-semantic:?embedder=x", "@llmcache/memory-semantic"],
    ["rediss-semantic://h?embedder=x", "@llmcache/redis-semantic"],
    ["dual-semantic://h?embedder=x", "@llmcache/dual-semantic"],
  ])("%s names the package that is missing", async (url, name) => {
    expect(await failure(url)).toMatch(
      `ERR_LLMCACHE_OPTION ${url.replace(/:.*/, "")}: stores come with the package ${name}, which is not installed: npm install ${name}`,
    );
  });

  test("names what an installed package lacks", async () => {
    const home = join(folder, "node_modules/@llmcache/redis");
    await mkdir(home, { recursive: true });
    await writeFile(
      join(home, "package.json"),
      JSON.stringify({ name: "@llmcache/redis", type: "module", exports: { "./open": "./open.js" } }),
    );
    await writeFile(join(home, "open.js"), "import 'a-client/promises'; export const open = () => undefined;");
    expect(await failure("redis://host")).toMatch(
      "the package @llmcache/redis, which needs a-client, and that is not installed: npm install a-client",
    );
  });

  test("a scheme can be registered", async () => {
    registerScheme("mine", () => new MapStore());
    expect((await openStore("mine:here")).name).toBe("map");
    expect(() => registerScheme("No Scheme", () => new MapStore())).toThrow(option("scheme"));
  });

  test.each([
    ["./cache.db", "memory:"],
    ["ftp://user:secret@host/", "known are"],
    ["constructor:x", "known are"],
  ])("%s is refused, with what would be right and without secrets", async (url, message) => {
    const error = (await openStore(url).catch((reason: unknown) => reason)) as Error;
    expect(error).toEqual(option(message));
    expect(error.message).not.toContain("secret");
  });

  test("without a URL, LLMCACHE_STORE names the store", async () => {
    registerScheme("deployed", (url) => Object.assign(new MapStore(), { url }));
    vi.stubEnv("LLMCACHE_STORE", "deployed:here");
    expect(await openStore()).toMatchObject({ url: "deployed:here" });
    vi.stubEnv("LLMCACHE_STORE", undefined);
    await expect(openStore()).rejects.toEqual(option("LLMCACHE_STORE"));
    vi.unstubAllEnvs();
  });
});

describe("openStore of several URLs", () => {
  /** Stores by the name in their URL, with what was asked of them. */
  const opened: { readonly url: string; readonly store: MapStore; readonly dispose: Mock }[] = [];
  beforeEach(() => {
    opened.length = 0;
    registerScheme("tier", (url) => {
      if (url.includes("broken")) throw new Error("cannot be opened");
      const store = new MapStore();
      const dispose = vi.spyOn(store, Symbol.asyncDispose);
      if (url.includes("stuck")) dispose.mockRejectedValue(new Error("cannot be closed"));
      opened.push({ url, store, dispose });
      return store;
    });
  });

  test("makes tiers of them, near to far, and hands each its own parameters", async () => {
    const clock = new Clock();
    const store = await openStore(
      " tier:a?x=1&maxTtl=60s&y=%20 \n tier:b?tier=host#part\ttier:c?write=false&maxTtl=2 ",
      {
        clock: clock.read,
      },
    );
    expect(opened.map(({ url }) => url)).toEqual(["tier:a?x=1&y=%20", "tier:b#part", "tier:c"]);
    const [a, b, c] = opened.map((one) => one.store) as [MapStore, MapStore, MapStore];
    expect(store.origin).toBe(b);
    await store.set(sampleEntry());
    const ends = await Promise.all([a, b, c].map(async (one) => (await one.get(sampleEntry()))?.entry.deleteAt));
    expect(ends).toEqual([clock.now + 60_000, undefined, undefined]);
    await a.clear();
    expect((await store.get(sampleEntry()))?.tier).toBe("host");
    await store[Symbol.asyncDispose]();
  });

  test("disposing them disposes of all that was opened, though one fails", async () => {
    const store = await openStore("tier:stuck tier:b tier:c");
    await expect(store[Symbol.asyncDispose]()).rejects.toThrow("cannot be closed");
    for (const { dispose } of opened) expect(dispose).toHaveBeenCalledTimes(1);
  });

  test("where one cannot be opened, those before it are disposed", async () => {
    await expect(openStore("tier:a tier:stuck tier:broken tier:d")).rejects.toThrow("cannot be opened");
    expect(opened.map(({ url }) => url)).toEqual(["tier:a", "tier:stuck"]);
    for (const { dispose } of opened) expect(dispose).toHaveBeenCalledTimes(1);
    await expect(openStore("tier:a tier:b?maxTtl=0s")).rejects.toEqual(option("tiers[1].maxTtl"));
    expect(opened.at(-1)?.dispose).toHaveBeenCalledTimes(1);
  });

  test.each([
    ["tier:a?maxTtl=60s", "maxTtl is a parameter of tiers"],
    ["tier:a?write=false", "write is a parameter of tiers"],
    ["tier:a?tier=near", "tier is a parameter of tiers"],
    ["tier:a tier:b?maxTtl=soon", "maxTtl"],
    ["tier:a tier:b?write=perhaps", "write must be true or false"],
    ["tier:a?tier=x&tier=y tier:b", "tier stands twice"],
    ["tier:a?tier= tier:b", "tiers[0].name"],
    ["tier:a nothing", "named by a URL"],
  ])("%s is refused", async (url, message) => {
    await expect(openStore(url)).rejects.toEqual(option(message));
    for (const { dispose } of opened) expect(dispose).toHaveBeenCalledTimes(1);
  });

  test("works with stores that are installed", async () => {
    await using store = await openStore("memory:?maxTtl=60s&maxEntries=5 memory:?tier=second");
    await store.set(sampleEntry());
    expect((await store.get(sampleEntry()))?.tier).toBe("memory");
  });
});

describe("parameters", () => {
  const kinds = { name: "text", count: "number", size: "bytes", wait: "durationMs", flag: "boolean" } as const;

  test("are read as what they must be", () => {
    expect(parametersOf("x:?name=a%20b&count=3&size=64MiB&wait=2s&flag=true", kinds)).toEqual({
      name: "a b",
      count: 3,
      size: 64 * 1024 * 1024,
      wait: 2000,
      flag: true,
    });
    expect(parametersOf("x:path", kinds)).toEqual({});
    expect(parametersOf("x:?size=1.5kB&wait=90&flag=0", kinds)).toEqual({ size: 1500, wait: 90_000, flag: false });
  });

  test.each([
    ["x:?nmae=a", "nmae"],
    ["x:?count=many", "count"],
    ["x:?count=", "count"],
    ["x:?size=big", "size"],
    ["x:?wait=-1", "wait"],
    ["x:?flag=maybe", "flag"],
    ["x:?name=a&name=b", "twice"],
  ])("%s is refused by name", (url, message) => {
    expect(() => parametersOf(url, kinds)).toThrow(option(message));
  });

  test("the path is decoded and has no query", () => {
    expect(pathOf("disk:./a%20b.db?x=1")).toBe("./a b.db");
    expect(() => pathOf("disk:%")).toThrow(option("percent"));
  });

  test("a tier's parameters are taken out of a URL, the store's own stay", () => {
    expect(splitTierUrl("memory:?maxTtl=60s&maxBytes=1MB&tier=near&write=false")).toEqual({
      url: "memory:?maxBytes=1MB",
      tier: { maxTtl: 60, name: "near", write: false },
    });
    expect(splitTierUrl("redis://h?prefix=p")).toEqual({ url: "redis://h?prefix=p", tier: {} });
  });

  test("a masked URL has no credentials and no parameters", () => {
    expect(masked("redis://user:secret@host:6379/0?password=secret")).toBe('"redis://…@host:6379/0?…"');
    // A password may hold what belongs into no URL.
    expect(masked("redis://:sec/ret@t@host")).toBe('"redis://…@host"');
    expect(masked("redis://user:sec?ret@host:6379")).toBe('"redis://…"');
    expect(masked("s3://bucket?endpoint=http://host:1")).toBe('"s3://bucket?…"');
  });
});
