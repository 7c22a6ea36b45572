import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { functionSampler, persistent, take, type Sampler, type SamplerIdentity } from "@llmcache/sampling";
import { ModelProvider, next } from "./model-provider.ts";

const PROMPT = "Choose a number between 1 and 1000.";
const PROMPT_HASH = "b11eebdc377d238c4177aebce657eb33f91e3197cd8aa68afb94b7fb47e4cba2";
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "llmcache-sampling-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function identity(model = "gpt-4o", temperature = 1): SamplerIdentity {
  return { operation: "sample", model, settings: { temperature } };
}

function texts(...samples: string[]): Sampler {
  const left = [...samples];
  return functionSampler(async () => [left.shift() ?? "none left"], identity());
}

function folder(name = "gpt-4o_1"): string {
  return join(root, name, PROMPT_HASH);
}

describe("the directory format of cached_llm", () => {
  test("is written as that writes it", async () => {
    await take(persistent(texts("92", "747"), root).sample(PROMPT), 2);
    expect(readdirSync(folder()).sort()).toEqual(["0.md", "1.md"]);
    expect(readFileSync(join(folder(), "1.md"), "utf8")).toBe("747");
  });

  test("an existing cache goes on working: gaps and foreign files are no trouble", async () => {
    mkdirSync(folder(), { recursive: true });
    for (const [name, text] of Object.entries({ "0.md": "a", "2.md": "c", "10.md": "k" }))
      writeFileSync(join(folder(), name), text);
    for (const name of ["notes.txt", ".DS_Store", "draft.md", "01.md", "-1.md", ".x.tmp"])
      writeFileSync(join(folder(), name), "foreign");
    const sampler = persistent(texts("new 1", "new 2"), root);
    expect(await take(sampler.sample(PROMPT), 4)).toEqual(["a", "new 1", "c", "new 2"]);
    expect(await next(sampler.sample(PROMPT, { from: 10 }))).toBe("k");
    expect(readFileSync(join(folder(), "1.md"), "utf8")).toBe("new 1");
  });

  test.each(["", "a\r\nb\rc\n", "\uFEFFbom", "𝔘nicode", " \n"])("%j is read as it was given", async (text) => {
    await next(persistent(texts(text), root).sample(PROMPT));
    expect(await next(persistent(texts("other"), root, { replication: true }).sample(PROMPT))).toBe(text);
  });

  test.each([
    [0, "m_0"],
    [1, "m_1"],
    [0.5, "m_0.5"],
    [1.25, "m_1.25"],
    [10, "m_10"],
    [100, "m_100"],
    [0.0004, "m_0"],
    [0.0005, "m_0.001"],
    [-0, "m_0"],
  ])("temperature %d is %s", async (temperature, name) => {
    const sampler = functionSampler(async () => ["x"], identity("m", temperature));
    await next(persistent(sampler, root).sample(PROMPT));
    expect(readdirSync(root)).toEqual([name]);
  });

  test.each([
    ["", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
    ["Write a haiku.", "4a85c0ccd31aff098feabca3a20794afc93f86903f15e2ebf27849dcc53670b2"],
    ["café", "850f7dc43910ff890f8879c0ed26fe697c93a067ad93a7d50f466a7028a9bf4e"],
    ["cafe\u0301", "81ef060bcd98adc7824eb5c1ada83c32491b16018e11e79f00ab9d09e04b015a"],
    ["__proto__", createHash("sha256").update("__proto__").digest("hex")],
  ])("the prompt %j is %s", async (prompt, hash) => {
    await next(persistent(texts("x"), root).sample(prompt));
    expect(readdirSync(join(root, "gpt-4o_1"))).toEqual([hash]);
  });

  test("an alias with slashes is folders in folders, and cannot leave the root", async () => {
    const nested = functionSampler(async () => ["x"], identity("accounts/fireworks/llama"));
    await next(persistent(nested, root).sample(PROMPT));
    expect(existsSync(folder("accounts/fireworks/llama_1"))).toBe(true);
    for (const model of ["../x", "a/../../x", "/etc/x", "a//b", "./x", "a/./b", "a\0b", "..//x"])
      expect(
        () =>
          persistent(
            functionSampler(async () => ["x"], identity(model)),
            root,
          ),
        model,
      ).toThrow(/root/);
    const dots = functionSampler(async () => ["x"], identity(".."));
    await next(persistent(dots, root).sample(PROMPT));
    expect(existsSync(folder(".._1"))).toBe(true);
  });

  test("what the format does not keep apart is refused", async () => {
    const more: SamplerIdentity[] = [
      { ...identity(), settings: { temperature: 1, max_tokens: 5 } },
      { ...identity(), namespace: "seed" },
      { ...identity(), version: "2" },
      { ...identity(), context: "system" },
      { operation: "sample", model: "m" },
      { operation: "sample", settings: { temperature: 1 } },
    ];
    for (const each of more)
      expect(
        () =>
          persistent(
            functionSampler(async () => ["x"], each),
            root,
          ),
        JSON.stringify(each),
      ).toThrow(/store/);
    const messages = functionSampler<object>(async () => ["x"], identity());
    await expect(persistent(messages, root).sample({ a: 1 }).next()).rejects.toMatchObject({
      code: "ERR_LLMCACHE_UNSUPPORTED",
    });
    const objects = functionSampler<string, object>(async () => [{ a: 1 }], identity());
    await expect(persistent(objects, root).sample("p").next()).rejects.toMatchObject({
      code: "ERR_LLMCACHE_UNSUPPORTED",
    });
    await expect(persistent(texts("x"), root).sample("\ud800").next()).rejects.toMatchObject({
      code: "ERR_LLMCACHE_REQUEST",
    });
  });

  test("two layers over one directory neither wait for each other nor store twice", async () => {
    const provider = new ModelProvider(1, identity());
    const lower = persistent(provider.sampler, root);
    const upper = persistent(lower, root);
    const values = await Promise.all([next(upper.sample("p")), next(lower.sample("p")), next(upper.sample("p"))]);
    expect(new Set(values).size).toBe(1);
    expect(await take(upper.sample("p"), 3)).toEqual(await take(lower.sample("p"), 3));
    expect(provider.asked).toHaveLength(3);
  });

  test("two that ask at once: the file that was first is everybody's, and the other sample is the next", async () => {
    const [one, two] = [persistent(texts("one"), root), persistent(texts("two"), root)];
    const first = await Promise.all([next(one.sample(PROMPT)), next(two.sample(PROMPT))]);
    expect(first[0]).toBe(first[1]);
    const other = first[0] === "one" ? two : one;
    const values = await take(other.sample(PROMPT), 2);
    expect(new Set(values)).toEqual(new Set(["one", "two"]));
    expect(readdirSync(folder()).sort()).toEqual(["0.md", "1.md"]);
  });

  test("replication reads, and writes nothing", async () => {
    const sequence = persistent(texts("x"), root, { replication: true }).sample(PROMPT);
    await expect(sequence.next()).rejects.toMatchObject({ code: "ERR_LLMCACHE_MISS" });
    expect(readdirSync(root)).toEqual([]);
    mkdirSync(folder(), { recursive: true });
    writeFileSync(join(folder(), "0.md"), "there");
    expect(await next(sequence)).toBe("there");
  });

  test("a directory that cannot be read or written is a store that failed, and the sample is kept for the next pull", async () => {
    writeFileSync(join(root, "gpt-4o_1"), "a file in the place of a folder");
    const provider = new ModelProvider(1, identity());
    const sequence = persistent(provider.sampler, root).sample("p");
    await expect(sequence.next()).rejects.toMatchObject({ code: "ERR_LLMCACHE_STORE" });
    rmSync(join(root, "gpt-4o_1"));
    expect(await next(sequence)).toBe(`"p" 1`);
    mkdirSync(folder(), { recursive: true });
    writeFileSync(join(folder(), "0.md"), new Uint8Array([0xff, 0xfe]));
    await expect(persistent(provider.sampler, root).sample(PROMPT).next()).rejects.toThrow(/UTF-8/);
  });

  test("~ is the home", async () => {
    const sequence = persistent(texts("x"), "~/no-such-folder-of-llmcache", { replication: true }).sample(PROMPT);
    await expect(sequence.next()).rejects.toMatchObject({ code: "ERR_LLMCACHE_MISS" });
    expect(existsSync(join(homedir(), "no-such-folder-of-llmcache"))).toBe(false);
    expect(() => persistent(texts("x"), "")).toThrow(/empty/);
  });
});
