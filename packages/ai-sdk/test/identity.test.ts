import type { LanguageModelV4CallOptions } from "@ai-sdk/provider";
import { requestKey } from "@llmcache/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { LANGUAGE_FIELDS } from "../src/call-fields.ts";
import { providerOf } from "../src/model-provider.ts";
import { identityJson } from "../src/identity-json.ts";
import { languageRequest } from "../src/language-request.ts";
import type { ModelCacheOptions } from "../src/options.ts";
import { asked } from "./answers.ts";

const full = process.env["LLMCACHE_TEST_FULL"] === "1";
const model = { provider: "openai.chat", modelId: "gpt-x" };
const id = (params: Partial<LanguageModelV4CallOptions> = {}, of = model, options: ModelCacheOptions = {}): string =>
  requestKey(languageRequest({ ...asked, ...params }, of, options)).id;
const plain = id();

/** A value for each field that the call above does not have. */
const VALUES: Required<LanguageModelV4CallOptions> = {
  prompt: [{ role: "user", content: [{ type: "text", text: "other" }] }],
  maxOutputTokens: 5,
  temperature: 0,
  stopSequences: ["x"],
  topP: 0.5,
  topK: 2,
  presencePenalty: 1,
  frequencyPenalty: 1,
  responseFormat: { type: "json" },
  seed: 0,
  tools: [{ type: "function", name: "t", inputSchema: {} }],
  toolChoice: { type: "none" },
  includeRawChunks: true,
  abortSignal: new AbortController().signal,
  headers: { "user-agent": "x", authorization: "secret" },
  reasoning: "low",
  providerOptions: { openai: { reasoningSummary: "auto" } },
};

test.each(Object.keys(VALUES) as (keyof typeof VALUES)[])("%s counts as it is classified", (name) => {
  const isIgnored = LANGUAGE_FIELDS[name] === "ignored" || name === "headers";
  const changed = id({ [name]: VALUES[name] });
  if (isIgnored) expect(changed).toBe(plain);
  else expect(changed).not.toBe(plain);
});

test("every field makes a key of its own, and so does one that nobody knows", () => {
  const ids = Object.entries(VALUES).map(([name, value]) => id({ [name]: value }));
  ids.push(id({ hologram: true } as never));
  expect(new Set(ids).size).toBe(ids.length - 1);
});

test("a field that is undefined, or false where that is the same, does not count", () => {
  expect(id({ temperature: undefined, tools: undefined, includeRawChunks: false, providerOptions: {} } as never)).toBe(
    plain,
  );
});

test("headers count where they are listed, whatever their case", () => {
  expect(id({ headers: { "Anthropic-Beta": "a" } })).not.toBe(plain);
  expect(id({ headers: { "Anthropic-Beta": "a" } })).toBe(id({ headers: { "anthropic-beta": "a" } }));
  expect(id({ headers: { "x-route": "a" } })).toBe(plain);
  expect(id({ headers: { "x-route": "a" } }, model, { countedHeaders: ["X-Route"] })).not.toBe(plain);
});

test("headers that the model was made with count as those of the call do, where they can be seen at once", () => {
  const made = (headers: unknown) => id({}, { ...model, config: { headers } } as never);
  expect(made({ "OpenAI-Beta": "a" })).not.toBe(plain);
  expect(made({ "OpenAI-Beta": "a" })).not.toBe(made({ "OpenAI-Beta": "b" }));
  expect(made(() => ({ "openai-beta": "a" }))).toBe(made({ "OpenAI-Beta": "a" }));
  const others = [
    { authorization: "secret" },
    null,
    "a",
    async () => ({ "openai-beta": "a" }),
    async () => {
      throw new Error("no key");
    },
    () => {
      throw new Error("no key");
    },
  ];
  for (const each of others) expect(made(each)).toBe(plain);
});

test("labels of the caller do not count, other provider options do", () => {
  expect(
    id({
      providerOptions: {
        openai: { user: "u", metadata: { a: "b" }, safetyIdentifier: "s" },
        anthropic: { metadata: { userId: "u" } },
      },
    }),
  ).toBe(plain);
  expect(id({ providerOptions: { other: { user: "u" } } })).not.toBe(plain);
  expect(id({ providerOptions: { openai: { user: "u", store: true } } })).toBe(
    id({ providerOptions: { openai: { store: true } } }),
  );
});

test("the provider, the base URL and the model count; aliases stand for them", () => {
  expect(id({}, { ...model, modelId: "gpt-y" })).not.toBe(plain);
  expect(id({}, { ...model, provider: "azure.chat" })).not.toBe(plain);
  const at = (baseURL: string) => ({ ...model, config: { url: ({ path }: { path: string }) => `${baseURL}${path}` } });
  expect(id({}, at("https://a.example/v1"))).not.toBe(id({}, at("https://b.example/v1")));
  expect(providerOf(at("https://user:pass@a.example/v1/?api-version=1&key=secret&OAuth_token=secret"))).toBe(
    "openai.chat https://a.example/v1?api-version=1",
  );
  expect(providerOf({ ...model, config: { baseUrl: () => "https://b.example" } } as never)).toBe(
    "openai.chat https://b.example",
  );
  expect(providerOf({ ...model, config: { baseURL: "https://a.example" } } as never)).toBe(
    "openai.chat https://a.example",
  );
  expect(
    providerOf({
      ...model,
      config: {
        url: () => {
          throw new Error("private");
        },
      },
    } as never),
  ).toBe("openai.chat");
  const options = { provider: "pool", alias: { "gpt-x": "gpt", "vendor/gpt-x": "gpt" } };
  expect(id({}, at("https://a.example"), options)).toBe(id({}, { provider: "b", modelId: "vendor/gpt-x" }, options));
});

test("messages are told apart that flattened texts would not be", () => {
  const say = (...messages: [string, string][]) =>
    id({ prompt: messages.map(([role, text]) => ({ role, content: [{ type: "text", text }] })) as never });
  expect(say(["user", "a"], ["assistant", "b"], ["user", "c"])).not.toBe(say(["user", "a\nAI: b"], ["user", "c"]));
  expect(say(["user", "a"], ["user", "b"])).not.toBe(say(["user", "ab"]));
  expect(
    id({
      prompt: [
        {
          role: "user",
          content: [
            { type: "text", text: "hello" },
            { type: "text", text: "" },
          ],
        },
      ],
    }),
  ).not.toBe(plain);
  expect(
    id({ prompt: [{ role: "user", content: [{ type: "text", text: "hello" }], providerOptions: { a: { b: 1 } } }] }),
  ).not.toBe(plain);
  expect(
    id({ prompt: [{ role: "user", content: [{ type: "text", text: "hello", providerOptions: { a: { b: 1 } } }] }] }),
  ).not.toBe(plain);
  expect(
    id({
      prompt: [
        {
          role: "user",
          content: [{ type: "text", text: "hello", providerOptions: undefined }],
          providerOptions: undefined,
        },
      ],
    } as never),
  ).toBe(plain);
  expect(id({ prompt: [{ role: "system", content: "hello" }] })).not.toBe(
    id({ prompt: [{ role: "system", content: "hellp" }] }),
  );
});

test("files count by their bytes, and URLs by their address", () => {
  const file = (data: unknown) =>
    id({ prompt: [{ role: "user", content: [{ type: "file", mediaType: "a/b", data } as never] }] });
  const bytes = (...each: number[]) => file({ type: "data", data: new Uint8Array(each) });
  expect(bytes(1, 2)).toBe(bytes(1, 2));
  expect(bytes(1, 2)).not.toBe(bytes(1, 3));
  expect(file({ type: "url", url: new URL("https://a.example/1") })).not.toBe(
    file({ type: "url", url: new URL("https://a.example/2") }),
  );
});

test("the shape tells what a policy may want to know", () => {
  expect(languageRequest({ ...asked, temperature: 1 }, model, {}).shape).toEqual({
    turns: 1,
    tools: false,
    attachments: false,
    temperature: 1,
  });
  const prompt: LanguageModelV4CallOptions["prompt"] = [
    { role: "system", content: "s" },
    ...asked.prompt,
    { role: "user", content: [{ type: "file", mediaType: "a/b", data: { type: "text", text: "t" } }] },
  ];
  expect(languageRequest({ prompt, tools: VALUES.tools }, model, {}).shape).toMatchObject({
    turns: 2,
    tools: true,
    attachments: true,
  });
  expect(languageRequest(asked, model, {})).toMatchObject({ prompt: "hello", context: [] });
});

test("different values never meet in JSON", () => {
  const leaf = fc.oneof(
    fc.jsonValue(),
    fc.uint8Array({ maxLength: 2 }),
    fc.date({ noInvalidDate: true }),
    fc.constant(new URL("https://a.example")),
  );
  const tagged = fc.dictionary(fc.constantFrom("llmcache:bytes", "llmcache:object", "a"), leaf, { maxKeys: 2 });
  const value = fc.oneof(leaf, tagged, fc.array(tagged, { maxLength: 2 }));
  const key = (each: unknown) => requestKey({ operation: "x", prompt: identityJson({ each }) }).id;
  fc.assert(
    fc.property(value, value, (one, other) => {
      expect(key(one) === key(other)).toBe(JSON.stringify(shown(one)) === JSON.stringify(shown(other)));
    }),
    { numRuns: full ? 20_000 : 300 },
  );
  const digest = (identityJson(new Uint8Array([1])) as Record<string, unknown>)["llmcache:bytes"];
  expect(key({ "llmcache:bytes": digest })).not.toBe(key(new Uint8Array([1])));
});

/** For comparing: every value with its kind, members in order. */
function shown(value: unknown): unknown {
  if (value instanceof Uint8Array) return ["bytes", ...value];
  if (value instanceof Date) return ["date", value.getTime()];
  if (value instanceof URL) return ["url", value.href];
  if (Array.isArray(value)) return ["list", value.map(shown)];
  if (typeof value !== "object" || value === null) return ["plain", value === 0 ? 0 : value];
  return [
    "object",
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, each]) => [name, shown(each)]),
  ];
}
