import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { usage } from "../src/arguments.ts";
import { SETTINGS } from "../src/settings-table.ts";
import { command, configuration, print, type Sources } from "./configuring.ts";

const KEY_A = "key-of-team-a-0123456789";
const KEY_B = "key-of-team-b-0123456789";

test("nothing said: loopback, the disk store, seven days, all cached, a demo", () => {
  expect(configuration({})).toEqual({
    host: "127.0.0.1",
    port: 4141,
    hosts: undefined,
    tiers: [{ url: "disk:.cache", subject: "store" }],
    cache: {
      ttl: "7d",
      keepStale: 0,
      control: { staleWhileRevalidate: 0, staleIfError: 0 },
      mode: "on",
      operations: undefined,
      keepRequests: false,
    },
    upstreams: undefined,
    tenants: { keys: [], groups: [], isShared: false, secret: undefined, secretFile: undefined },
    adminToken: undefined,
    metrics: { access: "loopback" },
    limits: { bodyBytes: 64 * 2 ** 20, headersTimeoutMs: 60_000, bodyTimeoutMs: 60_000, shutdownMs: 10_000 },
    logRequests: false,
    warnings: [],
  });
});

describe("precedence", () => {
  const files = { "llmcache.yaml": "listen: { port: 1 }\nttl: 1h\nmode: opt-in\n" };

  test("flags before variables before the file, member by member", () => {
    const env = { LLMCACHE_PORT: "2", LLMCACHE_TTL: "2h" };
    const found = configuration({ flags: ["--port", "3"], env, files });
    expect([found.port, found.cache.ttl, found.cache.mode, found.host]).toEqual([3, "2h", "opt-in", "127.0.0.1"]);
    expect(configuration({ env, files }).port).toBe(2);
    expect(configuration({ files }).port).toBe(1);
  });

  test("an empty variable is not set", () =>
    expect(configuration({ env: { LLMCACHE_PORT: "", LLMCACHE_TTL: "  " }, files }).port).toBe(1));

  test("a store replaces the tiers of a weaker source, and tiers a store", () => {
    const tiers = { "llmcache.yaml": "tiers: [memory, redis://one]\n" };
    const urls = (sources: Sources): readonly string[] => configuration(sources).tiers.map(({ url }) => url);
    expect(urls({ files: tiers })).toEqual(["memory:", "redis://one"]);
    expect(urls({ files: tiers, env: { LLMCACHE_STORE: "redis://two" } })).toEqual(["redis://two"]);
    expect(urls({ files: tiers, env: { LLMCACHE_STORE: "redis://two" }, flags: ["--store", "memory:"] })).toEqual([
      "memory:",
    ]);
  });

  test("a file that is named is read instead, wherever the name stands", () => {
    const both = { ...files, "other.json": '{"listen": {"port": 9}}' };
    expect(configuration({ files: both, flags: ["--config", "other.json"] }).port).toBe(9);
    expect(configuration({ files: both, env: { LLMCACHE_CONFIG: "other.json" } }).port).toBe(9);
    expect(
      configuration({ files: both, env: { LLMCACHE_CONFIG: "none.json" }, flags: ["--config", "other.json"] }).port,
    ).toBe(9);
  });

  test.each(["llmcache.yaml", "llmcache.yml", "llmcache.json"])("%s is found", (name) =>
    expect(configuration({ files: { [name]: '{"listen":\n\t{"port": 7}}' } }).port).toBe(7),
  );

  test("an empty file says nothing", () =>
    expect(configuration({ files: { "llmcache.yaml": "# nothing yet\n" } }).port).toBe(4141));
});

test("every flag and its variable say the same", () => {
  const samples: Readonly<Record<string, string>> = {
    "listen.port": "5",
    "listen.host": "localhost",
    "listen.hosts": "a.example, b.example",
    store: "memory:?maxBytes=1MB redis://h",
    ttl: "90",
    keepStale: "1h",
    staleWhileRevalidate: "2m",
    staleIfError: "3d",
    mode: "opt-in",
    operations: "embedding, responses",
    keepRequests: "true",
    "tenants.by": "shared",
    "metrics.access": "off",
    "log.requests": "on",
    "limits.body": "2MiB",
  };
  const none = JSON.stringify(configuration({}), jsonOf);
  for (const { path, flag, env, kind } of SETTINGS) {
    const value = samples[path.join(".")];
    if (value === undefined) throw new Error(`No sample for ${path.join(".")}`);
    const bySetting = [
      configuration({ flags: kind === "flag" ? [`--${flag}`] : [`--${flag}`, value] }),
      configuration({ env: { [env]: value } }),
    ].map((found) => JSON.stringify(found, jsonOf).replaceAll(`--${flag}`, "").replaceAll(env, ""));
    expect(bySetting[0], flag).toBe(bySetting[1]);
    expect(bySetting[0], flag).not.toBe(none);
    expect(usage("x")).toContain(`--${flag}`);
  }
});

test.each([
  ["completion,acompletion", ["chat.completions", "messages", "generateContent"]],
  ["embedding", ["embeddings"]],
  ["aembedding", ["embeddings"]],
  ["transcription", ["audio.transcriptions"]],
  ["atranscription, embeddings, aembedding", ["audio.transcriptions", "embeddings"]],
])("LiteLLM's call types stand for operations: %s", (names, operations) =>
  expect(configuration({ env: { LLMCACHE_OPERATIONS: names } }).cache.operations).toEqual(operations),
);

describe("upstreams", () => {
  const one = (yaml: string, env = {}): object =>
    configuration({ files: { "llmcache.yaml": `upstreams:\n  - ${yaml}\n` }, env }).upstreams![0]!;

  test("a provider's variable brings all three, the others with the callers' own keys", () => {
    expect(configuration({ env: { OPENAI_API_KEY: "k" } }).upstreams).toEqual([
      { name: "openai", api: "openai", baseURL: "https://api.openai.com/v1", apiKey: "k" },
      { name: "anthropic", api: "anthropic", baseURL: "https://api.anthropic.com", apiKey: undefined },
      { name: "google", api: "google", baseURL: "https://generativelanguage.googleapis.com", apiKey: undefined },
    ]);
  });

  test.each([
    ["OPENAI_BASE_URL", 0, { baseURL: "http://x/v1" }],
    ["ANTHROPIC_BASE_URL", 1, { baseURL: "http://x/v1" }],
    ["GOOGLE_GEMINI_BASE_URL", 2, { baseURL: "http://x/v1" }],
    ["ANTHROPIC_API_KEY", 1, { apiKey: "http://x/v1" }],
    ["GEMINI_API_KEY", 2, { apiKey: "http://x/v1" }],
    ["GOOGLE_API_KEY", 2, { apiKey: "http://x/v1" }],
  ] as const)("%s", (name, index, members) =>
    expect(configuration({ env: { [name]: "http://x/v1" } }).upstreams![index]).toMatchObject(members),
  );

  test("in the file: with defaults of their api, and keys from variables", () => {
    expect(one("{ name: openai }")).toMatchObject({ api: "openai", baseURL: "https://api.openai.com/v1" });
    expect(one("{ name: claude, api: anthropic, apiKeyEnv: K }", { K: "secret" })).toMatchObject({
      baseURL: "https://api.anthropic.com",
      apiKey: "secret",
    });
    const full = {
      name: "azure",
      api: "openai",
      baseURL: "https://x/v1",
      provider: "p",
      models: ["gpt-*"],
      path: "/az",
    };
    expect(one(JSON.stringify(full))).toMatchObject(full);
  });

  test("variables of providers do not reach into the file's upstreams", () =>
    expect(one("{ name: openai }", { OPENAI_API_KEY: "k", OPENAI_BASE_URL: "http://x" })).toMatchObject({
      baseURL: "https://api.openai.com/v1",
      apiKey: undefined,
    }));
});

test("keys, their groups and controls", () => {
  const yaml = `
keys:
  - { name: a, keyEnv: KEY_A, group: team, controls: [no-cache, s-maxage, max-age, use-cache] }
  - { name: b, keyEnv: KEY_B, group: readers }
groups:
  - { name: readers, controls: [] }
`;
  const { keys } = configuration({ files: { "llmcache.yaml": yaml }, env: { KEY_A, KEY_B } }).tenants;
  expect(keys).toEqual([
    { name: "a", key: KEY_A, group: "team", controls: new Set(["noCache", "sMaxAge", "use"]) },
    { name: "b", key: KEY_B, group: "readers", controls: new Set() },
  ]);
  expect(configuration({ env: { LLMCACHE_API_KEY: KEY_A } }).tenants.keys).toEqual([
    { name: "default", key: KEY_A, group: undefined, controls: "all" },
  ]);
});

test("a host that others reach answers to any name, unless some are listed", () => {
  const env = { LLMCACHE_API_KEY: KEY_A };
  expect(configuration({ env, flags: ["--host", "0.0.0.0"] }).hosts).toBe("any");
  expect(configuration({ env, flags: ["--host", "0.0.0.0", "--hosts", "gw.example"] }).hosts).toEqual(["gw.example"]);
  expect(configuration({ env, flags: ["--host", "127.0.0.2"] }).hosts).toBeUndefined();
});

describe("mistakes are told in one sentence, with where they are", () => {
  const inFile = (text: string, env = {}): Sources => ({ files: { "llmcache.yaml": text }, env });

  test.each<[string, Sources, string]>([
    [
      "a string for a list",
      inFile("ttl: 1h\nupstreams:\n  - name: openai\n  - name: b\n    api: openai\n    models: gpt-4\n"),
      "llmcache.yaml:6: upstreams[1].models must be a list of strings, not a string.",
    ],
    [
      "unknown",
      inFile("ttl: 1h\n\ntimeout: 3\n"),
      "llmcache.yaml:3: timeout is no option; known are listen, store, tiers,",
    ],
    [
      "unknown, deeper",
      inFile("listen:\n  prot: 3\n"),
      "llmcache.yaml:2: listen.prot is no option; known are host, port, hosts.",
    ],
    [
      "unknown, in a list",
      inFile("upstreams:\n  - name: openai\n    url: x\n"),
      "llmcache.yaml:3: upstreams[0].url is no option; known are name, api,",
    ],
    [
      "missing",
      inFile("upstreams:\n  - api: openai\n"),
      "llmcache.yaml:2: upstreams[0].name is missing; it must be a name",
    ],
    [
      "missing api",
      inFile("upstreams:\n  - name: mine\n"),
      "upstreams[0].api is missing; it must be one of openai, anthropic, google.",
    ],
    [
      "a wrong api",
      inFile("upstreams:\n  - { name: a, api: cohere }\n"),
      'upstreams[0].api must be one of openai, anthropic, google, not "cohere".',
    ],
    ["no upstream", inFile("upstreams: []\n"), "upstreams must be a list of one upstream or more, not a list."],
    [
      "twins",
      inFile("upstreams: [{ name: openai }, { name: openai }]\n"),
      "upstreams[1].name is openai, as that of upstreams[0]: names are unique.",
    ],
    [
      "no URL",
      inFile("upstreams: [{ name: openai, baseURL: api.openai.com }]\n"),
      "upstreams[0].baseURL must be a URL such as https://api.openai.com/v1",
    ],
    [
      "a duration",
      inFile("ttl: soon\n"),
      'llmcache.yaml:1: ttl must be a number of seconds from 0, or a text such as "90s", "24h" or "7d", not "soon".',
    ],
    [
      "a size",
      inFile("limits: { body: many }\n"),
      'limits.body must be a number of bytes from 1, or a text such as 500kB or 64MiB, not "many".',
    ],
    ["a mode", inFile("mode: off\n"), 'mode must be on or opt-in, not "off".'],
    [
      "a time that no timer can wait for",
      inFile("limits:\n  shutdown: 30d\n"),
      "llmcache.yaml:2: limits.shutdown must be 24d at most.",
    ],
    [
      "a time without end",
      inFile("limits: { headersTimeout: .inf }\n"),
      "llmcache.yaml:1: limits.headersTimeout must be 24d at most; 0 is no limit.",
    ],
    ["a list of nothing", { env: { LLMCACHE_OPERATIONS: " , " } }, "LLMCACHE_OPERATIONS must be a list of strings"],
    ["an empty list", { flags: ["--operations", ""] }, "--operations must be a list of strings"],
    [
      "two keys in one variable",
      { env: { OPENAI_API_KEY: "sk-one\nsk-two" } },
      "OPENAI_API_KEY must be one key of ASCII characters, without white space and line breaks.",
    ],
    [
      "a key that no header can hold",
      inFile("upstreams: [{ name: openai, apiKeyEnv: K }]\n", { K: "sk-…" }),
      "llmcache.yaml:1: upstreams[0].apiKeyEnv: K must be one key of ASCII characters",
    ],
    [
      "a caller's key that opens the admin API",
      { env: { LLMCACHE_API_KEY: KEY_A, LLMCACHE_ADMIN_TOKEN: KEY_A } },
      "LLMCACHE_API_KEY is the admin token too (LLMCACHE_ADMIN_TOKEN)",
    ],
    [
      "an operation",
      inFile("operations: [chat]\n"),
      'llmcache.yaml:1: operations: "chat" is not known; known are chat.completions,',
    ],
    [
      "a control",
      inFile("keys: [{ name: a, keyEnv: A, controls: [nocache] }]\n"),
      "keys[0].controls[0] must be one of no-cache, no-store,",
    ],
    [
      "store and tiers",
      inFile("store: memory\ntiers: [memory]\n"),
      "llmcache.yaml:2: tiers and store exclude each other: give one of them.",
    ],
    [
      "a store's scheme",
      inFile("store: mysql://x\n"),
      "llmcache.yaml:1: store has the scheme mysql:, but stores have one of memory, disk, redis,",
    ],
    [
      "no store's URL",
      inFile("store: cache.db\n"),
      "llmcache.yaml:1: store: A store is named by a URL such as memory:",
    ],
    [
      "tiers of one",
      inFile("tiers: [{ url: memory, maxTtl: 60 }]\n"),
      "tiers[0].url: maxTtl is for tiers, and there is only one store.",
    ],
    [
      "a tier of nothing",
      inFile("tiers: [{ name: a }, memory]\n"),
      "tiers[0] must have url, or urlEnv with the name of a variable.",
    ],
    [
      "a tier's member",
      inFile("tiers: [{ url: memory, ttl: 3 }, memory]\n"),
      "tiers[0].ttl is no option; known are name, url, urlEnv, maxTtl, write.",
    ],
    [
      "a variable that is not set",
      inFile("upstreams: [{ name: openai, apiKeyEnv: MY_KEY }]\n"),
      "upstreams[0].apiKeyEnv names the variable MY_KEY, which is not set.",
    ],
    [
      "a tier's variable",
      inFile("tiers: [{ urlEnv: MY_REDIS }, memory]\n"),
      "tiers[0].urlEnv names the variable MY_REDIS, which is not set.",
    ],
    [
      "a key's variable",
      inFile("keys: [{ name: a, keyEnv: KEY_A }]\n"),
      "keys[0].keyEnv names the variable KEY_A, which is not set.",
    ],
    [
      "the admin token's variable",
      inFile("adminTokenEnv: TOKEN\n"),
      "adminTokenEnv names the variable TOKEN, which is not set.",
    ],
    [
      "a short key",
      inFile("keys: [{ name: a, keyEnv: KEY_A }]\n", { KEY_A: "short" }),
      "keys[0].keyEnv: KEY_A must have 16 characters at least",
    ],
    [
      "one key twice",
      inFile("keys: [{ name: a, keyEnv: KEY_A }, { name: b, keyEnv: KEY_B }]\n", { KEY_A, KEY_B: KEY_A }),
      "keys[1].keyEnv holds the same key as keys[0]: whose requests are they?",
    ],
    [
      "credentials beside keys",
      inFile("keys: [{ name: a, keyEnv: KEY_A }]\ngroups: [{ name: g, credentialEnvs: [KEY_B] }]\n", { KEY_A, KEY_B }),
      "groups[0].credentialEnvs says nothing where callers have keys: give a key this group instead.",
    ],
    [
      "one credential in two groups",
      inFile("groups: [{ name: g, credentialEnvs: [KEY_B] }, { name: h, credentialEnvs: [KEY_B] }]\n", { KEY_B }),
      "groups[1].credentialEnvs[0] holds a credential that the group g has too.",
    ],
    [
      "metrics for a token that is none",
      inFile("metrics: { access: token }\n"),
      "metrics.access is token, but there is no admin token: set LLMCACHE_ADMIN_TOKEN.",
    ],
    [
      "a short admin token",
      { env: { LLMCACHE_ADMIN_TOKEN: "abc" } },
      "LLMCACHE_ADMIN_TOKEN must have 16 characters at least",
    ],
    [
      "a short tenant secret",
      { env: { LLMCACHE_TENANT_SECRET: "abc" } },
      "LLMCACHE_TENANT_SECRET must have 16 characters at least",
    ],
    ["no YAML", inFile("ttl: [1\n"), "is no YAML: "],
    [
      "a colon at the end",
      inFile("store: memory:\n"),
      "llmcache.yaml:1 is no YAML: Nested mappings are not allowed in compact mappings; a text that ends in a colon needs quotes.",
    ],
    ["a member twice", inFile("ttl: 1\nttl: 2\n"), "llmcache.yaml:2 is no YAML: Map keys must be unique."],
    ["no JSON", { files: { "llmcache.json": "{ttl: 1}" } }, "llmcache.json is no JSON."],
    ["a list", inFile("- ttl\n"), "llmcache.yaml: it must be a group of options, not a list."],
    [
      "JSON has lines too",
      { files: { "llmcache.json": '{\n  "mode": 3\n}' } },
      "llmcache.json:2: mode must be on or opt-in, not 3.",
    ],
    [
      "two files",
      { files: { "llmcache.yaml": "", "llmcache.json": "{}" } },
      "Keep one of llmcache.yaml and llmcache.json, or name the one that counts: --config llmcache.yaml",
    ],
    ["no file", { flags: ["--config", "none.yaml"] }, "The configuration file none.yaml cannot be read (ENOENT)."],
    ["a flag", { flags: ["--prot", "1"] }, "Unknown option '--prot'; --help lists what there is."],
    ["a flag's value", { flags: ["--port", "many"] }, '--port must be a whole number from 0 to 65535, not "many".'],
    [
      "a flag without its value",
      { flags: ["--port"] },
      "Option '--port <value>' argument missing; --help lists what there is.",
    ],
    ["a word", { flags: ["4141"] }, "Unexpected argument '4141'"],
    [
      "a port that is none",
      { flags: ["--port", "65536"] },
      "--port must be a whole number from 0 to 65535, not 65536.",
    ],
    [
      "a variable",
      { env: { LLMCACHE_PORT: "1.5" } },
      'LLMCACHE_PORT must be a whole number from 0 to 65535, not "1.5".',
    ],
    [
      "a variable's choice",
      { env: { LLMCACHE_LOG_REQUESTS: "maybe" } },
      'LLMCACHE_LOG_REQUESTS must be true or false, not "maybe".',
    ],
    ["a variable's store", { env: { LLMCACHE_STORE: "redis" } }, "LLMCACHE_STORE: A store is named by a URL such as"],
    [
      "a provider's URL",
      { env: { OPENAI_BASE_URL: "localhost:1" } },
      "OPENAI_BASE_URL must be a URL such as https://api.openai.com/v1",
    ],
    [
      "others without keys",
      { flags: ["--host", "0.0.0.0"] },
      "--host is 0.0.0.0, where others can reach the gateway, so callers must have keys: set LLMCACHE_API_KEY or list keys",
    ],
    [
      "others without keys, in the file",
      inFile("listen:\n  host: 192.168.0.1\n"),
      "llmcache.yaml:2: listen.host is 192.168.0.1, where others can reach the gateway",
    ],
  ])("%s", (_, sources, message) => {
    const error = errorOf(sources);
    expect(error).toContain(message);
    expect(error).toMatch(/^[^\n]+$/);
  });
});

describe("secrets", () => {
  const secret = "sk-proj-0123456789abcdef";
  const advice = "put it into an environment variable, and name that one here";

  test.each<[string, string, string]>([
    [
      "in the place of a variable",
      `upstreams:\n  - name: openai\n    apiKeyEnv: ${secret}\n`,
      "llmcache.yaml:3: upstreams[0].apiKeyEnv must be the name of an environment variable, such as OPENAI_API_KEY, not the key itself",
    ],
    ["an AWS key", "upstreams: [{ name: openai, apiKeyEnv: AKIAIOSFODNN7EXAMPLE }]\n", "not the key itself"],
    ["under a name for keys", "upstreams:\n  - name: openai\n    apiKey: abc\n", advice],
    [
      "a token",
      "adminToken: whatever\n",
      `llmcache.yaml:1: adminToken looks like a key, which does not belong into a file: ${advice}`,
    ],
    ["anywhere", `upstreams: [{ name: openai, provider: ${secret} }]\n`, advice],
    [
      "a store's password",
      "store: redis://user:hunter22@host\n",
      "llmcache.yaml:1: store holds a password or a key, which does not belong into a file: put the URL into an environment variable, LLMCACHE_STORE or",
    ],
    ["a password with a slash", "store: redis://:hun/ter22@host\n", "store holds a password"],
    [
      "a tier's password",
      "tiers: [memory, { url: 'keyv:postgres://u:hunter22@h/d' }]\n",
      "tiers[1].url holds a password",
    ],
    ["a parameter", "store: keyv:mysql://h/d?password=hunter22\n", "store holds a password"],
    [
      "a base URL's password",
      "upstreams: [{ name: openai, baseURL: 'https://u:hunter22@h/v1' }]\n",
      "upstreams[0].baseURL holds a password",
    ],
  ])("%s in a file is refused, and not repeated", (_, text, message) => {
    const error = errorOf({ files: { "llmcache.yaml": text } });
    expect(error).toContain(message);
    for (const part of [secret, "hunter22", "ter22", "AKIAIOSF", "abc", "whatever"]) expect(error).not.toContain(part);
  });

  test("in a flag a password is refused too", () => {
    const error = errorOf({ flags: ["--store", "redis://u:hunter22@h"] });
    expect(error).toContain("put the URL into LLMCACHE_STORE");
    expect(error).not.toContain("hunter22");
  });

  test("in the environment it is at home, and no error repeats it", () => {
    expect(configuration({ env: { LLMCACHE_STORE: "redis://u:hunter22@h" } }).tiers[0]!.url).toBe(
      "redis://u:hunter22@h",
    );
    expect(errorOf({ env: { LLMCACHE_STORE: "radis://u:hun/ter22@h" } })).not.toMatch(/ter22|hun/);
    expect(errorOf({ env: { OPENAI_BASE_URL: "http://u:hunter22@h" } })).not.toContain("hunter22");
    expect(errorOf({ env: { LLMCACHE_MODE: secret } })).not.toContain(secret);
    expect(errorOf({ env: { OPENAI_API_KEY: `${secret}\n${secret}` } })).not.toContain(secret);
    expect(errorOf({ env: { LLMCACHE_API_KEY: secret, LLMCACHE_ADMIN_TOKEN: secret } })).not.toContain(secret);
  });

  test("what only looks alike is none", () => {
    const yaml =
      "store: s3://bucket/a@b?endpoint=http://localhost:9000&region=x\nupstreams: [{ name: openai, models: ['gpt-*', 'sk'], provider: tokens-r-us }]\n";
    expect(configuration({ files: { "llmcache.yaml": yaml } }).upstreams).toHaveLength(1);
    const vendors = "upstreams: [{ name: openai, apiKeyEnv: HF_API_TOKEN, models: [pplx-70b-online] }]\n";
    expect(configuration({ files: { "llmcache.yaml": vendors }, env: { HF_API_TOKEN: "t" } }).upstreams).toHaveLength(
      1,
    );
  });
});

test("a variable that nothing reads is told of; those of the configuration are read", () => {
  const files = { "llmcache.yaml": "keys: [{ name: a, keyEnv: LLMCACHE_KEY_OF_A }]\n" };
  const env = { LLMCACHE_KEY_OF_A: KEY_A, LLMCACHE_PROT: "1", LLMCACHE_TEST_FULL: "1", LLMCACHE_ADMIN_TOKEN: KEY_B };
  expect(configuration({ env, files }).warnings).toEqual([
    "LLMCACHE_PROT is set, but nothing reads it: --help lists the variables that are.",
  ]);
});

test("groups without anybody, and keys in groups that are not there, are told of", () => {
  const yaml = `
keys:
  - { name: a, keyEnv: KEY_A, group: reserach }
  - { name: b, keyEnv: KEY_B, group: another, controls: [] }
groups:
  - { name: research, controls: [] }
`;
  expect(configuration({ files: { "llmcache.yaml": yaml }, env: { KEY_A, KEY_B } }).warnings).toEqual([
    "the group research is empty: it has no credentialEnvs, and no key is in it.",
    "llmcache.yaml:3: keys[0].group is reserach, which groups does not list: the key may use all controls.",
  ]);
});

test("upstreams that nothing reaches are told of", () => {
  const warningsOf = (upstreams: string): readonly string[] =>
    configuration({ files: { "llmcache.yaml": `upstreams: [${upstreams}]\n` } }).warnings;
  expect(warningsOf("{ name: openai }, { name: b, api: openai }")).toEqual([
    "llmcache.yaml:1: upstreams[1] is never asked: upstreams[0] has all models of openai that no other names.",
  ]);
  expect(warningsOf("{ name: openai, path: /a }, { name: b, api: anthropic, path: /a }")).toEqual([
    "llmcache.yaml:1: upstreams[1] is never asked: upstreams[0] has all below /a.",
  ]);
  expect(
    warningsOf(
      "{ name: openai }, { name: anthropic }, { name: b, api: openai, models: [m] }, { name: c, api: openai, path: /c }",
    ),
  ).toEqual([]);
  expect(
    warningsOf("{ name: c, api: openai, path: /c }, { name: b, api: openai, models: [m] }, { name: openai }"),
  ).toEqual([]);
});

test("a key in the environment in the place of the file's is told of", () => {
  const files = { "llmcache.yaml": "keys: [{ name: a, keyEnv: KEY_A }, { name: b, keyEnv: KEY_B }]\n" };
  const found = configuration({ files, env: { KEY_A, KEY_B, LLMCACHE_API_KEY: `${KEY_A}x` } });
  expect(found.tenants.keys).toHaveLength(1);
  expect(found.warnings).toEqual(["LLMCACHE_API_KEY is the only key: those of the file (a, b) are not taken."]);
  expect(configuration({ files, env: { KEY_A, KEY_B } }).warnings).toEqual([]);
  const none = { "llmcache.yaml": "ttl: 1h\nkeys: []\n" };
  expect(configuration({ files: none, env: { LLMCACHE_API_KEY: KEY_A } }).warnings).toEqual([]);
});

describe("--print-config", () => {
  const env = {
    LLMCACHE_STORE: "memory: redis://u:hunter22@h/0?password=hunter23",
    OPENAI_API_KEY: "sk-very-secret-key",
    LLMCACHE_ADMIN_TOKEN: KEY_A,
    LLMCACHE_TENANT_SECRET: KEY_B,
  };
  const text = print({
    env,
    flags: ["--port", "5"],
    files: { "llmcache.yaml": "mode: opt-in\n\nlisten:\n  hosts: [gw.example]\n" },
  });

  test("says what is in force, and where it comes from", () => {
    for (const line of [
      "  port: 5 # --port",
      "  host: 127.0.0.1 # default",
      "  # llmcache.yaml:4\n  hosts:",
      "mode: opt-in # llmcache.yaml:1",
      "ttl: 7d # default",
      'store: "memory: redis://…@h/0?…" # LLMCACHE_STORE',
      "  # OPENAI_API_KEY\n  - name: openai",
      "    apiKeyEnv: OPENAI_API_KEY",
      "  # default\n  - name: anthropic",
    ])
      expect(text).toContain(line);
  });

  test("no secret is in it", () => {
    for (const secret of ["hunter", "sk-very", KEY_A, KEY_B]) expect(text).not.toContain(secret);
  });

  test("read as a file it says the same", () => {
    const files = {
      "llmcache.yaml":
        "listen: { port: 9 }\ntiers: [{ url: memory, maxTtl: 60s, name: near }, disk:./x]\nupstreams: [{ name: openai, models: [a, b] }]\nkeys: [{ name: a, keyEnv: K, controls: [ttl] }]\nlimits: { body: 3MB }\nmetrics: { models: [m] }\n",
    };
    const given: Sources = { files, env: { K: KEY_A } };
    const again: Sources = { files: { "llmcache.yaml": print(given) }, env: { K: KEY_A } };
    const plain = (sources: Sources): string =>
      JSON.stringify(configuration(sources), jsonOf).replace(/"subject":"[^"]*"/g, "");
    expect(plain(again)).toBe(plain(given));
  });

  test("a lifetime without end stays one", () => {
    expect(parse(print({ files: { "llmcache.yaml": "ttl: .inf\n" } }))).toMatchObject({
      ttl: Number.POSITIVE_INFINITY,
    });
  });

  test("a password that is not encoded is hidden, whatever is in it", () => {
    for (const password of ["hunter?22", "hunter#22", "hunter/22", "hunter@22", "hunter:22"])
      expect(print({ env: { LLMCACHE_STORE: `redis://u:${password}@h:6379` } })).not.toMatch(/hunter|22/);
  });

  test("the demo is told of", () => {
    expect(print({})).toContain("# upstreams: a demo model");
    expect(parse(print({}))).not.toHaveProperty("upstreams");
  });
});

test("help wins, and is no longer than a screen is wide", () => {
  expect(command({ flags: ["--help", "--port", "5"] })).toEqual({ does: "help" });
  for (const line of usage("llmcache serve").split("\n")) expect(line.length).toBeLessThan(140);
});

test("the README lists every flag with its variable, and every member of the file", () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  for (const { flag, env, path } of SETTINGS) {
    expect(readme).toContain(`--${flag}`);
    expect(readme).toContain(env);
    expect(readme).toContain(`\`${path.join(".")}\``);
  }
});

function errorOf(sources: Sources): string {
  try {
    command(sources);
  } catch (error) {
    expect((error as Error).name).toBe("ConfigurationError");
    return (error as Error).message;
  }
  throw new Error("There was no error.");
}

function jsonOf(_name: string, value: unknown): unknown {
  return value instanceof Set ? [...value] : value;
}
