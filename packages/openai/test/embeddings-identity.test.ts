import { requestKey, type Json, type JsonObject } from "@llmcache/core";
import type { ListCall } from "@llmcache/fetch";
import type { EmbeddingCreateParams } from "openai/resources/embeddings";
import { describe, expect, test } from "vitest";
import { EMBEDDINGS_FIELDS } from "../src/embeddings-fields.ts";
import { openAIEmbeddings } from "../src/index.ts";

const URL_OF_OPENAI = "https://api.openai.com/v1/embeddings";

interface Asking {
  readonly url?: string;
  readonly headers?: Record<string, string>;
  readonly options?: Parameters<typeof openAIEmbeddings>[0];
}

function read(body: JsonObject | string, { url = URL_OF_OPENAI, headers = {}, options = {} }: Asking = {}) {
  const format = openAIEmbeddings(options);
  const request = { method: "POST", url: new URL(url), headers: new Headers(headers) };
  if (!format.knows(request)) return undefined;
  const bytes = Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
  return { list: format.readList?.(request, bytes), whole: format.read(request, bytes) };
}

function listOf(body: JsonObject | string, asking: Asking = {}): ListCall | undefined {
  return read(body, asking)?.list;
}

/** The ids of the items; of the whole, where the list is not taken apart. */
function ids(body: JsonObject | string, asking: Asking = {}): string[] {
  const known = read(body, asking);
  const requests = known?.list?.requests ?? (known?.whole === undefined ? [] : [known.whole.request]);
  return requests.map((request) => requestKey(request).id);
}

const body = { model: "m", input: ["a", "b"] };

/** Two values of each field that the SDK knows. */
const VALUES: Record<keyof EmbeddingCreateParams, readonly [Json, Json]> = {
  input: [["a"], ["b"]],
  model: ["m", "n"],
  dimensions: [256, 512],
  encoding_format: ["float", "base64"],
  user: ["ann", "bob"],
};

describe("the fields", () => {
  test.each(Object.entries(VALUES))("%s", (name, [one, other]) => {
    const role = EMBEDDINGS_FIELDS[name as keyof EmbeddingCreateParams];
    const [first, second] = [ids({ ...body, [name]: one }), ids({ ...body, [name]: other })];
    if (role === "ignored") {
      expect(first).toEqual(second);
      expect(first).toEqual(ids(body));
    } else expect(first).not.toEqual(second);
  });

  test("ignored are those of the documentation", () => {
    const ignored = Object.entries(EMBEDDINGS_FIELDS).filter(([, role]) => role === "ignored");
    expect(ignored.map(([name]) => name)).toEqual(["encoding_format", "user"]);
  });

  test("that nobody knows count, and the list is taken as a whole", () => {
    const late = { ...body, late_chunking: true };
    expect(listOf(late)).toBeUndefined();
    const all = [late, { ...late, late_chunking: false }, { ...late, input: ["b", "a"] }, { ...late, input: "a" }];
    expect(new Set(all.flatMap((each) => ids(each))).size).toBe(all.length);
    expect(ids({ ...late, encoding_format: "float" })).not.toEqual(ids({ ...late, encoding_format: "base64" }));
    expect(ids({ ...late, user: "ann" })).toEqual(ids(late));
  });

  test("of other providers that are known to be about each item count, and the encoding beside them", () => {
    const query = { ...body, input_type: "query" };
    expect(listOf(query)?.requests).toHaveLength(2);
    expect(ids(query)).not.toEqual(ids({ ...body, input_type: "document" }));
    expect(ids({ ...query, encoding_format: "float" })).not.toEqual(ids({ ...query, encoding_format: "base64" }));
  });
});

describe("an item", () => {
  test("is the same alone, in a list of one, and anywhere in a list", () => {
    const [a, b] = ids(body);
    expect(ids({ ...body, input: "a" })).toEqual([a]);
    expect(ids({ ...body, input: ["a"] })).toEqual([a]);
    expect(ids({ ...body, input: ["b", "c", "a"] })).toEqual([b, expect.any(String), a]);
  });

  test("of tokens is not one of text, nor several", () => {
    const inputs: Json[] = ["1", "[1]", "1,2", [1, 2], [[1], [2]], ["1", "2"], [[12]]];
    const all = inputs.map((input) => ids({ ...body, input }));
    expect(all.map((each) => each.length)).toEqual([1, 1, 1, 1, 2, 2, 1]);
    expect(new Set(all.flat()).size).toBe(8);
    expect(ids({ ...body, input: [[1, 2]] })).toEqual(ids({ ...body, input: [1, 2] }));
  });

  test("has no text that could be similar to another one's", () => {
    const [request] = listOf({ ...body, input: "a" })?.requests ?? [];
    expect(requestKey(request as NonNullable<typeof request>, { similar: true })).toEqual({ id: expect.any(String) });
  });
});

describe("the body for what is missing", () => {
  test("is the same but for the input", () => {
    const call = listOf({ user: "ann", input: ["a", "b", "c"], model: "m", dimensions: 2 });
    expect(call?.bodyOf([2, 0])).toBe('{"user":"ann","input":["c","a"],"model":"m","dimensions":2}');
    expect(listOf({ model: "m", input: [1, 2] })?.bodyOf([0])).toBe('{"model":"m","input":[[1,2]]}');
  });

  test("is none where writing it anew would change a number", () => {
    const text = '{"model":"m","input":["a"],"dimensions":9007199254740993}';
    expect(listOf(text)).toBeUndefined();
    expect(ids(text)).not.toEqual(ids(text.replace("993}", "992}")));
    expect(listOf('{"model":"m","input":["9007199254740993"]}')?.requests).toHaveLength(1);
  });
});

describe("what is no list of texts or tokens", () => {
  test.each<[string, Json]>([
    ["nothing", []],
    ["null", null],
    ["a number", 1],
    ["an object", { text: "a" }],
    ["texts and tokens", ["a", 1]],
    ["objects", [{ image: "a" }]],
    ["no tokens", [[]]],
  ])("is taken as a whole: %s", (_name, input) => {
    expect(listOf({ ...body, input })).toBeUndefined();
    expect(ids({ ...body, input })).toHaveLength(1);
  });

  test("without input there is nothing to store", () => {
    expect(ids({ model: "m" })).toEqual([]);
  });
});

describe("who is asked", () => {
  test("counts: base URL, API version, counted headers; in an Azure path the deployment", () => {
    const azure = (deployment: string, version = "1", more: JsonObject = {}): string[] =>
      ids(
        { input: ["a"], ...more },
        {
          url: `https://r.openai.azure.com/openai/deployments/${deployment}/embeddings?api-version=${version}`,
        },
      );
    const all = [
      ids(body),
      ids(body, { url: "https://other.test/v1/embeddings" }),
      ids(body, { headers: { "openai-beta": "x" } }),
      azure("one"),
      azure("two"),
      azure("one", "2"),
      azure("one", "1", { model: "m" }),
    ];
    expect(new Set(all.map(([first]) => first)).size).toBe(all.length);
    expect(azure("one", "1", { model: "one" })).toEqual(azure("one"));
    expect(ids(body, { headers: { authorization: "Bearer x" } })).toEqual(ids(body));
  });

  test("may go by an alias", () => {
    const options = { provider: "any" };
    expect(ids(body, { options, url: "https://other.test/v1/embeddings" })).toEqual(ids(body, { options }));
  });

  test("is no other endpoint", () => {
    expect(read(body, { url: "https://api.openai.com/v1/chat/completions" })).toBeUndefined();
  });
});
