import { Anthropic } from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import { startModelServer, type ModelServer } from "@llmcache/testing/model-server";
import OpenAI from "openai";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { ask, post, question, Stage, type Start } from "./started.ts";

/** Who asks, and what he may: keys, groups, namespaces and LiteLLM's controls, with the real process and the real clients. */
const KEYS = {
  KEY_A: "key-of-team-a-0123456789",
  KEY_B: "key-of-team-b-0123456789",
  KEY_C: "key-of-team-c-0123456789",
};
const OWN = "x-llmcache-api-key";

let model: ModelServer;
const stages: Stage[] = [];
beforeAll(async () => {
  model = await startModelServer();
});
afterAll(() => model.close());
afterEach(() => model.reset());

async function up(yaml: string, start: Start = {}): Promise<string> {
  const stage = new Stage();
  stages.push(stage);
  stage.file("llmcache.yaml", `store: memory\n${yaml}`);
  const env = { OPENAI_BASE_URL: model.baseURL, ANTHROPIC_BASE_URL: model.url, GOOGLE_GEMINI_BASE_URL: model.url };
  return (await stage.up({ ...start, env: { ...env, ...start.env } })).url;
}
afterAll(() => {
  for (const stage of stages) stage[Symbol.dispose]();
});

describe("keys of the gateway", () => {
  let url: string;
  beforeAll(async () => {
    url = await up(
      `
upstreams:
  - { name: openai, baseURL: "${model.baseURL}", apiKeyEnv: UPSTREAM_KEY }
  - { name: anthropic, baseURL: "${model.url}", apiKeyEnv: UPSTREAM_KEY }
  - { name: google, baseURL: "${model.url}", apiKeyEnv: UPSTREAM_KEY }
keys:
  - { name: a, keyEnv: KEY_A, group: team }
  - { name: b, keyEnv: KEY_B, group: team, controls: [no-store, ttl] }
  - { name: c, keyEnv: KEY_C }
`,
      { env: { ...KEYS, UPSTREAM_KEY: "sk-upstream" } },
    );
  });

  test("without one there is no answer, and nobody is asked", async () => {
    for (const headers of [{}, { authorization: "Bearer sk-mine" }, { [OWN]: "team" }, { [OWN]: `${KEYS.KEY_A}x` }]) {
      const { status, text } = await ask(url, {}, headers);
      expect(status).toBe(401);
      expect(text).not.toContain(KEYS.KEY_A);
    }
    expect(model.requests).toHaveLength(0);
  });

  test("each client brings it in its own way, and the upstream gets its own key", async () => {
    const apiKey = KEYS.KEY_A;
    await new OpenAI({ apiKey, baseURL: `${url}/v1` }).chat.completions.create({
      model: "gpt-4o",
      messages: [{ role: "user", content: "a" }],
    });
    await new Anthropic({ apiKey, baseURL: url }).messages.create({
      model: "claude-opus-4-6",
      max_tokens: 5,
      messages: [{ role: "user", content: "b" }],
    });
    await new GoogleGenAI({ apiKey, httpOptions: { baseUrl: url } }).models.generateContent({
      model: "gemini-2.5-flash",
      contents: "c",
    });
    await post(`${url}/v1beta/models/gemini-2.5-flash:generateContent?key=${apiKey}`, {
      contents: [{ role: "user", parts: [{ text: "d" }] }],
    });
    const sent = model.requests.map(({ headers, query }) => [headers, String(query)] as const);
    expect(sent).toHaveLength(4);
    expect(
      sent.map(([headers]) => headers["authorization"] ?? headers["x-api-key"] ?? headers["x-goog-api-key"]),
    ).toEqual(["Bearer sk-upstream", "sk-upstream", "sk-upstream", "sk-upstream"]);
    expect(JSON.stringify(sent)).not.toContain(apiKey);
  });

  test("in its own header the caller's credential passes, and the key does not", async () => {
    await ask(url, question("own"), { [OWN]: KEYS.KEY_A, authorization: "Bearer sk-mine" });
    const { headers } = model.requests[0]!;
    expect(headers["authorization"]).toBe("Bearer sk-mine");
    expect(JSON.stringify(headers)).not.toContain("llmcache");
    expect(JSON.stringify(headers)).not.toContain(KEYS.KEY_A);
  });

  test("a group shares, others do not, whatever namespace they name", async () => {
    const body = question("shared");
    expect((await ask(url, body, { [OWN]: KEYS.KEY_A })).cache).toBe("miss");
    expect((await ask(url, body, { [OWN]: KEYS.KEY_B })).cache).toBe("hit");
    expect((await ask(url, body, { authorization: `Bearer ${KEYS.KEY_B}` })).cache).toBe("hit");
    for (const name of [
      "group:team",
      "team",
      "key:a",
      "",
      "group:team,key:c",
      '["group:team"]',
      "../group:team",
      "%67roup:team",
    ]) {
      const inHeader = { [OWN]: KEYS.KEY_C, "x-llmcache-namespace": name };
      expect([name, (await ask(url, body, inHeader)).cache]).toEqual([name, "miss"]);
      // In the body it is the same place as in the header, and never the group's.
      const inBody = { ...body, cache: { namespace: name } };
      expect([name, (await ask(url, inBody, { [OWN]: KEYS.KEY_C })).cache]).toEqual([name, "hit"]);
    }
    const asked = model.requests.length;
    expect((await ask(url, body, { [OWN]: KEYS.KEY_C })).cache).toBe("miss");
    expect(model.requests).toHaveLength(asked + 1);
  });

  test("a control that the key may not use is refused, in header and body; nobody is asked", async () => {
    const headers = { [OWN]: KEYS.KEY_B };
    await ask(url, question("allowed"), headers);
    const before = model.requests.length;
    const asked: readonly [object, Record<string, string>, string][] = [
      [{ cache: { "no-cache": true } }, {}, "noCache"],
      [{ cache: { ttl: 5, "s-maxage": 1 } }, {}, "sMaxAge"],
      [{ cache: { namespace: "x" } }, {}, "namespace"],
      [{ cache: { "use-cache": false } }, {}, "use"],
      [{}, { "cache-control": "no-cache" }, "noCache"],
      [{}, { "cache-control": "max-age=5" }, "sMaxAge"],
      [{}, { "cache-control": "only-if-cached" }, "onlyIfCached"],
      [{}, { "x-llmcache-namespace": "x" }, "namespace"],
      [{}, { "x-llmcache-tags": "x" }, "tags"],
    ];
    for (const [body, more, name] of asked) {
      const { status, text } = await ask(url, { ...question("allowed"), ...body }, { ...headers, ...more });
      expect([name, status]).toEqual([name, 403]);
      expect(text).toContain(name);
    }
    expect(model.requests).toHaveLength(before);
    expect((await ask(url, { ...question("allowed"), cache: { ttl: 60, "no-store": true } }, headers)).cache).toBe(
      "hit",
    );
    expect((await ask(url, { ...question("allowed"), cache: {} }, headers)).cache).toBe("hit");
    // Others may.
    expect(
      (await ask(url, { ...question("allowed"), cache: { "no-cache": true } }, { [OWN]: KEYS.KEY_A })).status,
    ).toBe(200);
  });
});

describe("LiteLLM's controls in the body", () => {
  let url: string;
  beforeAll(async () => {
    url = await up("");
  });

  test("mean what they mean there, and no upstream sees them", async () => {
    const body = question("litellm");
    const cached = (cache: object): Promise<{ cache: string }> => ask(url, { ...body, cache });
    expect((await cached({ "no-store": true })).cache).toBe("miss");
    expect((await ask(url, body)).cache).toBe("miss");
    expect((await cached({ "no-store": true })).cache).toBe("hit");
    expect((await cached({ "no-cache": true })).cache).not.toBe("hit");
    expect((await cached({ "s-maxage": 600 })).cache).toBe("hit");
    expect((await cached({ "s-max-age": "600" })).cache).toBe("hit");
    expect((await cached({ "s-maxage": 0 })).cache).not.toBe("hit");
    expect((await cached({ namespace: "other" })).cache).toBe("miss");
    expect((await cached({ namespace: "other", ttl: 600 })).cache).toBe("hit");
    expect((await ask(url, body, { "x-llmcache-namespace": "other" })).cache).toBe("hit");
    expect((await cached({ "use-cache": false })).cache).not.toBe("hit");
    expect((await cached({ "use-cache": true })).cache).toBe("hit");
    for (const { body: sent } of model.requests) expect(String(sent)).toBe(JSON.stringify(body));
  });

  test("ttl is the lifetime of what this call stores", async () => {
    const body = { ...question("ttl"), cache: { ttl: 600 } };
    await ask(url, body);
    const status = (await ask(url, body)).headers.get("cache-status");
    expect(Number(/ttl=(\d+)/.exec(status!)![1])).toBeLessThanOrEqual(600);
    await ask(url, { ...question("ttl 0"), cache: { ttl: 0 } });
    expect((await ask(url, question("ttl 0"))).cache).toBe("miss");
  });

  test("the rest of the body stays byte for byte", async () => {
    const text =
      '{ "model":"gpt-4o", "cache" : {"ttl":5} ,"seed":12345678901234567890,"top_p":1.0, "messages":[{"role":"user","content":"\\"cache\\": {}"}]}';
    const send = async (): Promise<Response> =>
      fetch(`${url}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: text,
      });
    expect((await send()).status).toBe(200);
    const sent = String(model.requests[0]!.body);
    expect(sent).toContain(
      '"seed":12345678901234567890,"top_p":1.0, "messages":[{"role":"user","content":"\\"cache\\": {}"}]}',
    );
    expect(sent).not.toContain('"ttl"');
  });

  test("what is no control is a 400 that names it", async () => {
    for (const [cache, name] of [
      [{ "no-cashe": true }, '\\"no-cashe\\" is no cache control'],
      [{ ttl: "soon" }, "ttl"],
      [{ "no-cache": "yes" }, "no-cache"],
      [true, "cache must be an object"],
    ] as const) {
      const { status, text } = await ask(url, { ...question("wrong"), cache });
      expect(status).toBe(400);
      expect(text).toContain(name);
    }
    expect(model.requests).toHaveLength(0);
  });

  test("OpenAI's client sends them as further members", async () => {
    const client = new OpenAI({ apiKey: "mine", baseURL: `${url}/v1` });
    const body = {
      model: "gpt-4o",
      messages: [{ role: "user" as const, content: "sdk" }],
      cache: { namespace: "run-1" },
    };
    const answers = [await client.chat.completions.create(body), await client.chat.completions.create(body)];
    expect(answers[1]!.id).toBe(answers[0]!.id);
    const other = { ...body, cache: { namespace: "run-2" } };
    await client.chat.completions.create(other);
    expect(model.requests).toHaveLength(2);
  });

  test("embeddings have them too", async () => {
    const body = { model: "text-embedding-3-small", input: ["a", "b"], cache: { namespace: "e" } };
    await post(`${url}/v1/embeddings`, body);
    expect((await post(`${url}/v1/embeddings`, body)).cache).toBe("hit");
    expect(JSON.stringify(model.requests.map((request) => request.json()))).not.toContain("cache");
  });
});

test("opt-in: only who asks for it uses the cache", async () => {
  const url = await up("mode: opt-in\n");
  const caches = async (cache?: object): Promise<string> =>
    (await ask(url, { ...question("opt-in"), ...(cache === undefined ? {} : { cache }) })).cache;
  await caches();
  await caches();
  expect(model.requests).toHaveLength(2);
  expect(await caches({ "use-cache": true })).toBe("miss");
  expect(await caches({ "use-cache": true })).toBe("hit");
  expect(await caches()).not.toBe("hit");
  expect(await caches({ ttl: 60 })).not.toBe("hit");
  expect(model.requests).toHaveLength(5);
});

test("only the operations that are listed, by LiteLLM's names too", async () => {
  const url = await up("operations: [aembedding, embedding]\n");
  const embedding = { model: "text-embedding-3-small", input: "a" };
  await post(`${url}/v1/embeddings`, embedding);
  expect((await post(`${url}/v1/embeddings`, embedding)).cache).toBe("hit");
  await ask(url);
  expect((await ask(url)).cache).not.toBe("hit");
});

describe("tenants", () => {
  test("by credential: who has another one asks anew, in every API's way to send it", async () => {
    const url = await up("");
    const body = question("tenants");
    const gemini = { contents: [{ role: "user", parts: [{ text: "tenants" }] }] };
    const path = `${url}/v1beta/models/gemini-2.5-flash:generateContent`;
    expect((await ask(url, body, { authorization: "Bearer one" })).cache).toBe("miss");
    expect((await ask(url, body, { authorization: "Bearer two" })).cache).toBe("miss");
    expect((await ask(url, body)).cache).toBe("miss");
    expect((await ask(url, body, { authorization: "Bearer one" })).cache).toBe("hit");
    expect((await post(`${path}?key=one`, gemini)).cache).toBe("miss");
    expect((await post(`${path}?key=two`, gemini)).cache).toBe("miss");
    expect((await post(`${path}?key=one`, gemini)).cache).toBe("hit");
    expect((await post(path, gemini, { "x-goog-api-key": "one" })).cache).toBe("miss");
  });

  test("groups of credentials, and all in one", async () => {
    const env = { SK_1: "sk-one", SK_2: "sk-two" };
    const grouped = await up("groups: [{ name: team, credentialEnvs: [SK_1, SK_2], controls: [ttl] }]\n", { env });
    const body = question("groups");
    expect((await ask(grouped, body, { authorization: "Bearer sk-one" })).cache).toBe("miss");
    expect((await ask(grouped, body, { authorization: "Bearer sk-two" })).cache).toBe("hit");
    expect((await ask(grouped, body, { authorization: "Bearer sk-three" })).cache).toBe("miss");
    expect((await ask(grouped, body, { authorization: "Bearer sk-one", "cache-control": "no-cache" })).status).toBe(
      403,
    );
    expect(model.requests[0]!.headers["authorization"]).toBe("Bearer sk-one");

    const shared = await up("tenants: { by: shared }\n");
    expect((await ask(shared, body, { authorization: "Bearer one" })).cache).toBe("miss");
    expect((await ask(shared, body, { authorization: "Bearer two" })).cache).toBe("hit");
  });
});
