import { isDeepStrictEqual } from "node:util";
import { requestKey, type Json, type JsonObject } from "@llmcache/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { openAIFormats } from "../src/index.ts";

const RUNS = process.env["LLMCACHE_TEST_FULL"] === "1" ? 200_000 : 2000;
const BASE = "https://api.openai.com/v1";
const formats = openAIFormats();

/** The ids of a request's items, or of the whole; `undefined` where it is not cached. */
function idsOf(path: string, body: Uint8Array, headers: Headers = new Headers()): readonly string[] | undefined {
  const request = { method: "POST", url: new URL(BASE + path), headers };
  const format = formats.find((each) => each.knows(request));
  const list = format?.readList?.(request, body);
  const call = list === undefined ? format?.read(request, body) : undefined;
  const requests = list?.requests ?? (call === undefined ? undefined : [call.request]);
  return requests?.map((each) => requestKey(each).id);
}

const text = fc.constantFrom("a", "b", "1", "[1]", "", "a,b", '["a"]', "ü", "\uD800");
const tokens = fc.array(fc.nat({ max: 2 }), { minLength: 1, maxLength: 3 });
const scalar = fc.constantFrom<Json>(0, 1, "1", "a", null, true, 256);

/** One with few members of few values, so that many are equal. */
function bodies(required: Record<string, fc.Arbitrary<Json>>, optional: readonly string[]): fc.Arbitrary<JsonObject> {
  const more = fc.dictionary(fc.constantFrom(...optional), scalar, { maxKeys: 2 });
  return fc.tuple(fc.record(required), more).map(([one, other]) => ({ ...one, ...other }));
}

function without(body: JsonObject, ...names: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(body).filter(([name]) => !names.includes(name)));
}

/** What an embeddings request asks with each item, written down anew: the item, and what stands beside the input. */
function embeddingEssence(body: JsonObject): readonly Json[] {
  const { input, encoding_format: encoding } = body;
  const rest = without(body, "input", "user", "encoding_format");
  const known = Object.keys(rest).every((name) => ["model", "dimensions", "input_type"].includes(name));
  const list = Array.isArray(input) && input.every((each) => typeof each !== "number") ? input : [input];
  if (!known) return [[{ whole: input as Json }, rest, encoding ?? "none"] as Json];
  // Beside another provider's field the encoding counts, as it is understood.
  const form = rest["input_type"] === undefined ? null : encoding === "base64" ? "base64" : "float";
  return list.map((item) => [item as Json, rest, form] as Json);
}

const embeddings = bodies(
  {
    model: fc.constantFrom("m", "n"),
    input: fc.oneof(text, tokens, fc.array(fc.oneof(text, tokens), { minLength: 1, maxLength: 3 })),
  },
  ["dimensions", "user", "encoding_format", "input_type", "late_chunking"],
);

test("embeddings: items have one id exactly if they ask the same", () => {
  fc.assert(
    fc.property(embeddings, embeddings, (one, other) => {
      const asked = [one, other].map((body) => ({
        ids: idsOf("/embeddings", Buffer.from(JSON.stringify(body))) ?? [],
        essence: embeddingEssence(body),
      }));
      const items = asked.flatMap(({ ids, essence }) => {
        expect(ids).toHaveLength(essence.length);
        return ids.map((id, index) => ({ id, essence: essence[index] }));
      });
      for (const item of items)
        for (const each of items)
          expect(item.id === each.id, JSON.stringify([item.essence, each.essence])).toBe(
            isDeepStrictEqual(item.essence, each.essence),
          );
    }),
    { numRuns: RUNS },
  );
});

test.each([
  ["/moderations", ["model"], []],
  ["/images/generations", ["model", "n", "size", "user", "safety_identifier"], ["user"]],
] as const)("%s: requests have one id exactly if they ask the same", (path, optional, ignored) => {
  const question = path === "/moderations" ? "input" : "prompt";
  const some = bodies({ [question]: fc.oneof(text, fc.array(text, { minLength: 1, maxLength: 2 })) }, [
    ...optional,
    "new",
  ]);
  const named = some.map((body) => ({ ...body, model: typeof body["model"] === "string" ? body["model"] : "m" }));
  fc.assert(
    fc.property(named, named, (one, other) => {
      const [first, second] = [one, other].map((body) => idsOf(path, Buffer.from(JSON.stringify(body))));
      expect(isDeepStrictEqual(first, second)).toBe(
        isDeepStrictEqual(without(one, ...ignored), without(other, ...ignored)),
      );
      expect(first).toHaveLength(1);
    }),
    { numRuns: RUNS },
  );
});

type FormField = readonly [name: string, value: string | readonly [content: string, filename: string]];

/** An endpoint that is asked by form: its file, its other fields, and which of them do not count. */
interface FormEndpoint {
  readonly path: string;
  readonly file: string;
  readonly fields: readonly string[];
  readonly ignored: readonly string[];
  /** A `stream` of "false", said once, says what is so anyway. */
  readonly streams: boolean;
}

const FORM_ENDPOINTS: readonly FormEndpoint[] = [
  {
    path: "/audio/transcriptions",
    file: "file",
    fields: ["language", "prompt", "include[]", "temperature", "stream", "new", "user"],
    ignored: [],
    streams: true,
  },
  { path: "/audio/translations", file: "file", fields: ["prompt", "temperature", "new"], ignored: [], streams: false },
  {
    path: "/images/edits",
    file: "image",
    fields: ["prompt", "mask", "image[]", "n", "safety_identifier", "user"],
    ignored: ["user"],
    streams: false,
  },
  {
    path: "/images/variations",
    file: "image",
    fields: ["n", "size", "user", "new"],
    ignored: ["user"],
    streams: false,
  },
];

const file = fc.tuple(fc.constantFrom("sound", "noise", ""), fc.constantFrom("a.mp3", "b.MP3", "a.wav", "a"));

function forms({ fields }: FormEndpoint) {
  const field = fc.tuple(fc.constantFrom(...fields), fc.oneof(fc.constantFrom("a", "b", "true", "false", ""), file));
  return fc.tuple(file, fc.array<FormField>(field, { maxLength: 3 }));
}

type Form = readonly [readonly [string, string], readonly FormField[]];

/** Fields by name, in no order; a file by its content and extension. */
function formEssence(endpoint: FormEndpoint, [sound, fields]: Form): Json {
  const byName: Record<string, Json[]> = {};
  const all: readonly FormField[] = [[endpoint.file, sound], ...fields];
  for (const [name, value] of all) {
    if (endpoint.ignored.includes(name)) continue;
    const essence = typeof value === "string" ? value : [value[0], /\.(.+)$/.exec(value[1])?.[1]?.toLowerCase() ?? ""];
    (byName[name] ??= []).push(essence);
  }
  if (endpoint.streams && isDeepStrictEqual(byName["stream"], ["false"])) delete byName["stream"];
  return byName;
}

async function formIds({ path, file: name }: FormEndpoint, [sound, fields]: Form) {
  const data = new FormData();
  data.append("model", "whisper-1");
  for (const [field, value] of [[name, sound] as FormField, ...fields]) {
    if (typeof value === "string") data.append(field, value);
    else data.append(field, new File([value[0]], value[1], { type: "audio/mpeg" }));
  }
  const response = new Response(data);
  return idsOf(path, new Uint8Array(await response.arrayBuffer()), response.headers);
}

test.each(FORM_ENDPOINTS)(
  "$path: forms have one id exactly if they ask the same, whatever their boundary and the order of their fields",
  async (endpoint) => {
    const form = forms(endpoint);
    await fc.assert(
      fc.asyncProperty(form, form, async (one, other) => {
        const [first, second] = [await formIds(endpoint, one), await formIds(endpoint, other)];
        expect(first).toHaveLength(1);
        expect(isDeepStrictEqual(first, second)).toBe(
          isDeepStrictEqual(formEssence(endpoint, one), formEssence(endpoint, other)),
        );
      }),
      { numRuns: Math.ceil(RUNS / FORM_ENDPOINTS.length) },
    );
  },
);
