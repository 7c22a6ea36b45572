import { requestKey, type JsonObject } from "@llmcache/core";
import { describe, expect, test } from "vitest";
import { openAIFormats, type OpenAIFormatsOptions } from "../src/index.ts";
import { TRANSCRIPTIONS_FIELDS, TRANSLATIONS_FIELDS } from "../src/audio-fields.ts";
import { EDITS_FIELDS, GENERATIONS_FIELDS, VARIATIONS_FIELDS } from "../src/images-fields.ts";
import { MODERATIONS_FIELDS } from "../src/moderations-format.ts";

const BASE = "https://api.openai.com/v1";

type Field = readonly [name: string, value: string | File];

async function formKey(
  path: string,
  fields: readonly Field[],
  options: OpenAIFormatsOptions = {},
): Promise<string | undefined> {
  const data = new FormData();
  for (const [name, value] of fields) data.append(name, value);
  const response = new Response(data);
  return keyOf(path, new Uint8Array(await response.arrayBuffer()), response.headers, options);
}

function jsonKey(path: string, body: JsonObject): string | undefined {
  return keyOf(path, Buffer.from(JSON.stringify(body)), new Headers(), {});
}

function keyOf(path: string, body: Uint8Array, headers: Headers, options: OpenAIFormatsOptions): string | undefined {
  const request = { method: "POST", url: new URL(path.startsWith("http") ? path : BASE + path), headers };
  const call = openAIFormats(options)
    .find((format) => format.knows(request))
    ?.read(request, body);
  return call === undefined ? undefined : requestKey(call.request).id;
}

function file(content: string, name = "a.mp3", type = "audio/mpeg"): File {
  return new File([content], name, { type });
}

/** Two values of each field. */
const FORMS: Record<
  string,
  { fields: object; base: readonly Field[]; values: Record<string, readonly [string | File, string | File]> }
> = {
  "/audio/transcriptions": {
    fields: TRANSCRIPTIONS_FIELDS,
    base: [
      ["file", file("hello")],
      ["model", "whisper-1"],
    ],
    values: {
      file: [file("hello"), file("bye")],
      model: ["whisper-1", "gpt-4o-transcribe"],
      chunking_strategy: ["auto", "none"],
      include: ["logprobs", "other"],
      keywords: ["a", "b"],
      known_speaker_names: ["a", "b"],
      known_speaker_references: ["a", "b"],
      language: ["en", "de"],
      languages: ["en", "de"],
      prompt: ["a", "b"],
      response_format: ["json", "text"],
      stream: ["true", "false"],
      temperature: ["0", "1"],
      timestamp_granularities: ["word", "segment"],
    } satisfies Record<keyof typeof TRANSCRIPTIONS_FIELDS, readonly [string | File, string | File]>,
  },
  "/audio/translations": {
    fields: TRANSLATIONS_FIELDS,
    base: [
      ["file", file("hello")],
      ["model", "whisper-1"],
    ],
    values: {
      file: [file("hello"), file("bye")],
      model: ["whisper-1", "whisper-2"],
      prompt: ["a", "b"],
      response_format: ["json", "text"],
      temperature: ["0", "1"],
    } satisfies Record<keyof typeof TRANSLATIONS_FIELDS, readonly [string | File, string | File]>,
  },
  "/images/edits": {
    fields: EDITS_FIELDS,
    base: [
      ["image", file("pixels", "a.png", "image/png")],
      ["prompt", "a hat"],
      ["model", "gpt-image-1"],
    ],
    values: {
      image: [file("pixels", "a.png", "image/png"), file("other", "a.png", "image/png")],
      prompt: ["a hat", "a coat"],
      background: ["auto", "opaque"],
      complexity: ["low", "high"],
      frame_count: ["1", "2"],
      frame_duration_ms: ["1", "2"],
      input_fidelity: ["high", "low"],
      markup: [file("a"), file("b")],
      mask: [file("a"), file("b")],
      model: ["gpt-image-1", "gpt-image-2"],
      n: ["1", "2"],
      output_compression: ["1", "2"],
      output_format: ["png", "webp"],
      partial_images: ["0", "1"],
      quality: ["low", "high"],
      response_format: ["url", "b64_json"],
      safety_identifier: ["ann", "bob"],
      size: ["auto", "512x512"],
      // Only "false" is cached at all.
      stream: ["false", "true"],
      user: ["ann", "bob"],
    } satisfies Record<keyof typeof EDITS_FIELDS, readonly [string | File, string | File]>,
  },
  "/images/variations": {
    fields: VARIATIONS_FIELDS,
    base: [
      ["image", file("pixels", "a.png", "image/png")],
      ["model", "dall-e-2"],
    ],
    values: {
      image: [file("pixels", "a.png", "image/png"), file("other", "a.png", "image/png")],
      model: ["dall-e-2", "dall-e-3"],
      n: ["1", "2"],
      response_format: ["url", "b64_json"],
      size: ["256x256", "512x512"],
      user: ["ann", "bob"],
    } satisfies Record<keyof typeof VARIATIONS_FIELDS, readonly [string | File, string | File]>,
  },
};

const JSON_BODIES: Record<
  string,
  { fields: object; base: JsonObject; values: Record<string, readonly [unknown, unknown]> }
> = {
  "/images/generations": {
    fields: GENERATIONS_FIELDS,
    base: { prompt: "a hat", model: "gpt-image-1" },
    values: {
      prompt: ["a hat", "a coat"],
      background: ["auto", "opaque"],
      complexity: ["low", "high"],
      frame_count: [1, 2],
      frame_duration_ms: [1, 2],
      model: ["gpt-image-1", "gpt-image-2"],
      moderation: ["low", "auto"],
      n: [1, 2],
      output_compression: [1, 2],
      output_format: ["png", "webp"],
      partial_images: [0, 1],
      quality: ["low", "high"],
      response_format: ["url", "b64_json"],
      safety_identifier: ["ann", "bob"],
      size: ["auto", "512x512"],
      stream: [false, true],
      style: ["vivid", "natural"],
      svg: [{ model: "a" }, { model: "b" }],
      user: ["ann", "bob"],
    } satisfies Record<keyof typeof GENERATIONS_FIELDS, readonly [unknown, unknown]>,
  },
  "/moderations": {
    fields: MODERATIONS_FIELDS,
    base: { input: "a", model: "omni-moderation-latest" },
    values: {
      input: ["a", ["a"]],
      model: ["omni-moderation-latest", "text-moderation-latest"],
    } satisfies Record<keyof typeof MODERATIONS_FIELDS, readonly [unknown, unknown]>,
  },
};

describe.each(Object.entries(FORMS))("the fields of %s", (path, { fields, base, values }) => {
  const key = (name: string, value: string | File): Promise<string | undefined> =>
    formKey(path, [...base.filter(([each]) => each !== name), [name, value]]);

  test.each(Object.entries(fields))("%s: %s", async (name, role) => {
    const [one, other] = values[name] as readonly [string | File, string | File];
    expect((await key(name, one)) === (await key(name, other))).toBe(role === "ignored");
    expect((await key(name, one)) === (await formKey(path, base))).toBe(
      role === "ignored" || base.some(([each]) => each === name),
    );
  });

  test("that nobody knows count", async () => {
    const keys = [await formKey(path, base), await key("new", "1"), await key("new", "2"), await key("new[]", "1")];
    expect(new Set(keys).size).toBe(4);
  });

  test("in another order, and under another boundary, are the same request", async () => {
    expect(await formKey(path, base.toReversed())).toBe(await formKey(path, base));
  });
});

describe.each(Object.entries(JSON_BODIES))("the fields of %s", (path, { fields, base, values }) => {
  test.each(Object.entries(fields))("%s: %s", (name, role) => {
    const [one, other] = values[name] as readonly [unknown, unknown];
    const key = (value: unknown): string | undefined => jsonKey(path, { ...base, [name]: value } as JsonObject);
    expect(key(one) === key(other)).toBe(role === "ignored");
    expect(key(one) === jsonKey(path, base)).toBe(role === "ignored" || name in base);
  });

  test("that nobody knows count", () => {
    const keys = [base, { ...base, a: 1 }, { ...base, a: 2 }, { ...base, A: 1 }].map((body) => jsonKey(path, body));
    expect(new Set(keys).size).toBe(4);
  });
});

describe("a file", () => {
  const key = (value: File): Promise<string | undefined> =>
    formKey("/audio/transcriptions", [
      ["file", value],
      ["model", "whisper-1"],
    ]);

  test("is its content, its type and the extension of its name", async () => {
    const base = await key(file("hello", "a.mp3"));
    expect(await key(file("hello", "/tmp/upload-17.MP3"))).toBe(base);
    const others = [
      file("hello", "a.wav"),
      file("hello", "a"),
      file("hello", "a.mp3", "audio/wav"),
      file("hello ", "a.mp3"),
    ];
    expect(new Set([base, ...(await Promise.all(others.map(key)))]).size).toBe(5);
  });

  test("is not a text that says the same, and an address in its place is not cached", async () => {
    expect(
      await formKey("/audio/transcriptions", [
        ["file", "https://files.test/a.mp3"],
        ["model", "whisper-1"],
      ]),
    ).toBeUndefined();
    expect(await formKey("/audio/transcriptions", [["model", "whisper-1"]])).toBeUndefined();
  });

  test("is one of several, in their order", async () => {
    const [one, other] = [file("1", "a.png"), file("2", "a.png")];
    const images = (...files: readonly File[]): Promise<string | undefined> =>
      formKey("/images/edits", [...files.map((each): Field => ["image[]", each]), ["prompt", "p"]]);
    const keys = [await images(one, other), await images(other, one), await images(one), await images(one, one)];
    expect(new Set(keys).size).toBe(4);
  });
});

test("fields of one name are a list, which is not the text of one", async () => {
  const key = (...values: readonly string[]): Promise<string | undefined> =>
    formKey("/audio/transcriptions", [
      ["file", file("hello")],
      ["model", "whisper-1"],
      ...values.map((value): Field => ["include[]", value]),
    ]);
  const keys = [
    await key(),
    await key("a"),
    await key("a", "b"),
    await key("b", "a"),
    await key('["a","b"]'),
    await key(""),
  ];
  expect(new Set(keys).size).toBe(6);
});

test("an Azure deployment is the model", async () => {
  const at = (deployment: string, ...more: readonly Field[]): Promise<string | undefined> =>
    formKey(`https://r.openai.azure.com/openai/deployments/${deployment}/audio/transcriptions?api-version=1`, [
      ["file", file("hello")],
      ...more,
    ]);
  expect(await at("one")).not.toBe(await at("two"));
  expect(await at("one", ["model", "one"])).toBe(await at("one"));
  expect(await at("one", ["model", "two"])).not.toBe(await at("one"));
});

test("transcriptions and translations are two questions", async () => {
  const fields: readonly Field[] = [
    ["file", file("hello")],
    ["model", "whisper-1"],
  ];
  expect(await formKey("/audio/transcriptions", fields)).not.toBe(await formKey("/audio/translations", fields));
});
