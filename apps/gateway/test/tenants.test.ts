import { createHmac } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CREDENTIAL_PARAMETERS } from "@llmcache/core";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FailureLog } from "../src/failure-log.ts";
import type { Caller } from "../src/gateway-options.ts";
import { identifyBy, KEY_HEADER, type IdentifyOptions } from "../src/identify.ts";
import { readTenantSecret } from "../src/tenant-secret.ts";
import { tenantOf } from "../src/tenant.ts";
import { tenantsOf } from "../src/tenants.ts";

const A = "key-of-team-a-0123456789";
const B = "key-of-team-b-0123456789";
const none: IdentifyOptions = { keys: [], groups: [], isShared: false, secret: "s".repeat(32) };
type Ask = readonly [headers: IncomingHttpHeaders, url?: string];

function caller(options: Partial<IdentifyOptions>, ...[headers, url]: Ask): Caller | undefined {
  return identifyBy({ ...none, ...options })(headers, url);
}

describe("by the credential for the provider", () => {
  const namespaceOf = (...ask: Ask): string => caller({}, ...ask)!.namespace;
  // What no identity counts has to count here.
  const asks: readonly Ask[] = [
    [{}],
    [{ authorization: "Bearer one" }],
    [{ authorization: "Bearer two" }],
    [{ authorization: "Basic one" }],
    [{ "x-api-key": "one" }],
    [{ "api-key": "one" }],
    [{ "x-goog-api-key": "one" }],
    [{ "x-api-key": "one", authorization: "Bearer one" }],
    [{}, "/v1beta/models?key=one"],
    [{}, "/v1beta/models?alt=sse&key=two"],
    [{}, "/v1beta/models?key=one&key=two"],
    [{ "x-goog-api-key": "one" }, "/v1beta/models?key=one"],
    [{}, "/v1/models?api-version=1&api-key=one"],
    [{}, "/v1/models?Access_Token=one"],
    [{}, "/v1/models?key=%0A%3Faccess_token=one"],
    [{ cookie: "session=one" }],
    [{ "ocp-apim-subscription-key": "one" }],
    [{ "cf-aig-authorization": "Bearer one" }],
    ...[
      "apikey",
      "token",
      "x-session-token",
      "x-functions-key",
      "proxy-authorization",
      "x-forwarded-access-token",
      "x-auth-request-user",
      "x-forwarded-user",
      "x-forwarded-email",
      "remote-user",
      "x-amzn-oidc-identity",
      "x-ms-client-principal",
      "x-goog-authenticated-user-email",
      "cf-access-jwt-assertion",
      "x-forwarded-client-cert",
      "x-bf-vk",
      "x-portkey-api-key",
      "x-client-secret",
      "x-password",
    ].flatMap((name): Ask[] => [[{ [name]: "one" }], [{ [name]: "two" }]]),
    // Names of parameters may be encoded.
    [{}, "/v1/models?%6bey=three"],
    [{}, "/v1/models?%6bey=four"],
    [{}, "/v1/models?K%65Y=five"],
  ];

  test("each has a namespace of its own", () => {
    const namespaces = asks.map((ask) => namespaceOf(...ask));
    expect(new Set(namespaces).size).toBe(asks.length);
    // Who is remembered keeps his.
    const identify = identifyBy(none);
    for (const _ of [1, 2]) expect(asks.map((ask) => identify(...ask)!.namespace)).toEqual(namespaces);
  });

  test("the same credential is the same caller, whatever else he sends", () => {
    const one = namespaceOf({ authorization: "Bearer one" });
    expect(namespaceOf({ authorization: "Bearer one", "x-llmcache-namespace": "x", accept: "*/*" }, "/v1/x?y=z")).toBe(
      one,
    );
    expect(namespaceOf({ authorization: "Bearer one" }, "/v1/x?monkey=1&key=")).toBe(one);
  });

  test("each parameter that no identity counts tells callers apart", () => {
    for (const name of CREDENTIAL_PARAMETERS) {
      const [one, two] = ["one", "two"].map((value) => namespaceOf({}, `/v1/x?${name}=${value}`));
      expect([name, one]).not.toEqual([name, two]);
    }
  });

  test("headers that say something else, or are another each time, make no other caller", () => {
    for (const name of [
      "user-agent",
      "idempotency-key",
      "sec-websocket-key",
      "x-llmcache-api-key",
      "x-max-tokens",
      "x-tokenizer",
      "cf-aig-cache-key",
      "x-portkey-trace-id",
      "x-stainless-retry-count",
      "openai-organization",
    ])
      expect([name, namespaceOf({ [name]: "one" })]).toEqual([name, "credential:anonymous"]);
  });

  test("the order in which credentials are sent says nothing", () => {
    expect(namespaceOf({ cookie: "a", authorization: "b" })).toBe(namespaceOf({ authorization: "b", cookie: "a" }));
  });

  test("it is an HMAC: another secret, other namespaces", () => {
    const ask: Ask = [{ authorization: "Bearer one" }];
    const text = "llmcache-tenant\nauthorization: Bearer one\n";
    expect(namespaceOf(...ask)).toBe(
      `credential:${createHmac("sha256", none.secret).update(text).digest("hex").slice(0, 32)}`,
    );
    expect(caller({ secret: "t".repeat(32) }, ...ask)!.namespace).not.toBe(namespaceOf(...ask));
    expect(namespaceOf({})).toBe("credential:anonymous");
  });

  test("who is remembered is bounded, and the answers stay the same", () => {
    const identify = identifyBy(none);
    const of = (n: number): string => identify({ authorization: `Bearer ${n}` })!.namespace;
    const first = of(0);
    for (let n = 1; n < 2500; n++) of(n);
    expect(of(0)).toBe(first);
  });

  test("a key of the gateway that nobody asked for is not sent on", () => {
    expect(caller({}, { [KEY_HEADER]: A })).toMatchObject({ spent: [KEY_HEADER], namespace: "credential:anonymous" });
    expect(caller({}, {})!.spent).toEqual([]);
  });

  test("without a secret it is the digest that createGateway uses by itself", () => {
    expect(tenantOf({})).toBe("anonymous");
    expect(tenantOf({ authorization: "Bearer one" })).toMatch(/^[0-9a-f]{32}$/);
    expect(new Set(asks.map((ask) => tenantOf(...ask))).size).toBe(asks.length);
  });
});

describe("with keys of the gateway's own", () => {
  const keys: IdentifyOptions["keys"] = [
    { name: "a", key: A, controls: "all" },
    { name: "b", key: B, group: "team", controls: new Set(["ttl"]) },
    { name: "c", key: `${A}${B}`, group: "team", controls: "all" },
  ];

  test.each<[string, Ask, string, readonly string[]]>([
    ["its own header", [{ [KEY_HEADER]: A }], "key:a", [KEY_HEADER]],
    [
      "its own header, beside a provider's credential",
      [{ [KEY_HEADER]: A, authorization: "Bearer sk" }],
      "key:a",
      [KEY_HEADER],
    ],
    ["its own header before all else", [{ [KEY_HEADER]: A, authorization: `Bearer ${B}` }], "key:a", [KEY_HEADER]],
    ["as bearer", [{ authorization: `Bearer ${B}` }], "group:team", ["authorization"]],
    ["as bearer, in lower case", [{ authorization: `bearer  ${B}` }], "group:team", ["authorization"]],
    ["as Anthropic's", [{ "x-api-key": A }], "key:a", ["x-api-key"]],
    ["as Azure's", [{ "api-key": A }], "key:a", ["api-key"]],
    ["as Google's", [{ "x-goog-api-key": A }], "key:a", ["x-goog-api-key"]],
    ["as Google's, in the query", [{}, `/v1beta/models?key=${A}`], "key:a", ["?key"]],
    ["beside a provider's credential", [{ "x-api-key": A, authorization: "Bearer sk" }], "key:a", ["x-api-key"]],
    ["in two places", [{ "x-api-key": A, authorization: `Bearer ${A}` }], "key:a", ["authorization", "x-api-key"]],
    ["one that begins with another", [{ "x-api-key": `${A}${B}` }], "group:team", ["x-api-key"]],
  ])("%s", (_, ask, namespace, spent) => expect(caller({ keys }, ...ask)).toMatchObject({ namespace, spent }));

  test.each<[string, Ask]>([
    ["none", [{}]],
    ["an empty one", [{ [KEY_HEADER]: "" }]],
    ["a wrong one", [{ authorization: "Bearer sk" }]],
    ["a part of one", [{ [KEY_HEADER]: A.slice(0, -1) }]],
    ["one with more behind it", [{ [KEY_HEADER]: `${A} ` }]],
    ["a wrong one in its own header, a right one elsewhere", [{ [KEY_HEADER]: "x", authorization: `Bearer ${A}` }]],
    ["two at once", [{ "x-api-key": A, authorization: `Bearer ${B}` }]],
    ["its name", [{ [KEY_HEADER]: "a" }]],
    ["another scheme", [{ authorization: `Basic ${A}` }]],
    // Written so it would not be taken out, and the upstream would get it.
    ["a parameter that is written otherwise", [{}, `/v1beta/models?Key=${A}`]],
    ["a parameter that is encoded", [{}, `/v1beta/models?%6bey=${A}`]],
    ["a parameter that stands twice", [{}, `/v1beta/models?key=${A}&KEY=${A}`]],
  ])("%s is refused", (_, ask) => expect(caller({ keys }, ...ask)).toBeUndefined());

  test("controls are those of the key", () => {
    expect(caller({ keys }, { [KEY_HEADER]: A })!.controls).toBe("all");
    expect(caller({ keys }, { [KEY_HEADER]: B })!.controls).toEqual(new Set(["ttl"]));
  });

  test("shared: one namespace, and a key all the same", () => {
    expect(caller({ keys, isShared: true }, { [KEY_HEADER]: A })!.namespace).toBe("shared");
    expect(caller({ keys, isShared: true }, {})).toBeUndefined();
    expect(caller({ isShared: true }, { authorization: "Bearer x" })!.namespace).toBe("shared");
  });
});

describe("groups of credentials", () => {
  const groups: IdentifyOptions["groups"] = [
    { name: "team", credentials: ["sk-1", "sk-2"], controls: new Set(["ttl"]) },
    { name: "other", credentials: ["sk-3"], controls: "all" },
  ];
  test.each<[Ask, string]>([
    [[{ authorization: "Bearer sk-1" }], "group:team"],
    [[{ "x-api-key": "sk-2" }], "group:team"],
    [[{ "x-api-key": "sk-2", authorization: "Bearer sk-1" }], "group:team"],
    [[{}, "/x?key=sk-3"], "group:other"],
  ])("%j", (ask, namespace) => expect(caller({ groups }, ...ask)!.namespace).toBe(namespace));

  test("who brings another credential beside is by himself, and so are all others", () => {
    for (const headers of [
      { authorization: "Bearer sk-1", "x-api-key": "sk-3" },
      { authorization: "Bearer sk-1", "x-api-key": "sk-9" },
      { authorization: "Bearer sk-1", cookie: "session=one" },
      { authorization: "Bearer sk-1", "x-auth-token": "one" },
      { authorization: "Bearer sk-9" },
      {},
    ])
      expect(caller({ groups }, headers)!.namespace).toMatch(/^credential:/);
    for (const url of ["/x?access_token=one", "/x?key=sk-1&key=sk-1"])
      expect(caller({ groups }, { authorization: "Bearer sk-1" }, url)!.namespace).toMatch(/^credential:/);
    expect(caller({ groups }, { authorization: "Bearer sk-1" })!.controls).toEqual(new Set(["ttl"]));
  });
});

test("no headers lead into a group or a key's namespace without its key", () => {
  const keys: IdentifyOptions["keys"] = [{ name: "a", key: A, group: "team", controls: "all" }];
  const groups: IdentifyOptions["groups"] = [{ name: "team", credentials: [A], controls: "all" }];
  const text = fc.oneof(
    fc.constantFrom(
      "group:team",
      "key:a",
      "team",
      "a",
      "shared",
      "credential:anonymous",
      `Bearer ${B}`,
      `${A}x`,
      `x${A}`,
      `Bearer`,
    ),
    fc.string(),
  );
  const name = fc.constantFrom(
    "authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    KEY_HEADER,
    "x-llmcache-namespace",
  );
  fc.assert(
    fc.property(fc.dictionary(name, text, { noNullPrototype: true }), text, (headers, key) => {
      const url = `/v1/x?key=${encodeURIComponent(key)}`;
      expect(caller({ keys }, headers, url)).toBeUndefined();
      expect(caller({ groups }, headers, url)?.namespace).toMatch(/^credential:(?:[0-9a-f]{32}|anonymous)$/);
    }),
  );
});

describe("the secret", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "llmcache-secret-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test("is made once, at random, for its owner alone", () => {
    const file = join(folder, "new/folder/secret");
    const secret = readTenantSecret(file);
    expect(secret).toMatch(/^[0-9a-f]{64}$/);
    expect(readTenantSecret(file)).toBe(secret);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, "new")).mode & 0o777).toBe(0o700);
    expect(readdirSync(join(folder, "new/folder"))).toEqual(["secret"]);
    expect(readTenantSecret(join(folder, "other"))).not.toBe(secret);
  });

  test.each([0o640, 0o604, 0o660, 0o644])("a file of mode %o is refused, with what to do", (mode) => {
    const file = join(folder, "secret");
    const secret = readTenantSecret(file);
    chmodSync(file, mode);
    expect(() => readTenantSecret(file)).toThrow(/others may read it \(mode 6\d\d\): chmod 600 it/);
    expect(() => readTenantSecret(file)).not.toThrow(secret);
    chmodSync(file, 0o400);
    expect(readTenantSecret(file)).toBe(secret);
  });

  test.each(["", "\n", "abc\n", `${"0".repeat(63)}g\n`, `${"0".repeat(64)}\n\n`, "0".repeat(64)])(
    "content %j is refused and left alone",
    (content) => {
      const file = join(folder, "secret");
      writeFileSync(file, content, { mode: 0o600 });
      expect(() => readTenantSecret(file)).toThrow(/is damaged: put its backup there, or remove it/);
      expect(readFileSync(file, "utf8")).toBe(content);
    },
  );

  test("a place where no file can be is told of, with what to do", () => {
    writeFileSync(join(folder, "file"), "");
    expect(() => readTenantSecret(join(folder, "file/secret"))).toThrow(
      /cannot be kept in .*: name another file with tenants.secretFile, or set LLMCACHE_TENANT_SECRET/,
    );
    mkdirSync(join(folder, "secret"), { mode: 0o700 });
    expect(() => readTenantSecret(join(folder, "secret"))).toThrow();
  });

  describe("where it is kept", () => {
    const settings = { keys: [], groups: [], isShared: false, secret: undefined, secretFile: undefined };
    const namespaceOf = (given: object, file: string | undefined, isVolatile = false): string =>
      tenantsOf({ ...settings, ...given }, { file, isVolatile }, folder).identify({ authorization: "x" })!.namespace;

    test("the admin's token is nobody's credential, so that no provider sees it on a path that was mistyped", () => {
      const secret = "from the environment";
      const { identify } = tenantsOf(
        { ...settings, secret },
        { file: undefined, isVolatile: true },
        folder,
        "the-admin-token-of-all",
      );
      expect(identify({ authorization: "Bearer the-admin-token-of-all" })).toBeUndefined();
      expect(identify({ authorization: "bearer  the-admin-token-of-all " })).toBeUndefined();
      expect(identify({ authorization: "Bearer the-admin-token-of-al" })).toBeDefined();
      expect(identify({})).toBeDefined();
    });

    test("beside the store's file; else in the folder; else where the configuration says", () => {
      const file = join(folder, "answers.db");
      const beside = namespaceOf({}, file);
      expect(existsSync(`${file}.tenant-secret`)).toBe(true);
      expect(namespaceOf({}, file)).toBe(beside);
      const inFolder = namespaceOf({}, undefined);
      expect(existsSync(join(folder, ".cache/tenant-secret"))).toBe(true);
      namespaceOf({ secretFile: "here" }, file);
      expect(existsSync(join(folder, "here"))).toBe(true);
      expect(inFolder).not.toBe(beside);
    });

    test("nowhere: the environment's, where nothing lasts, and where none is needed", () => {
      const secret = "from the environment";
      expect(namespaceOf({ secret }, join(folder, "a.db"))).toBe(namespaceOf({ secret }, undefined));
      namespaceOf({}, undefined, true);
      namespaceOf({ isShared: true }, undefined);
      tenantsOf(
        { ...settings, keys: [{ name: "a", key: A, controls: "all" }] },
        { file: undefined, isVolatile: false },
        folder,
      );
      expect(readdirSync(folder)).toEqual([]);
    });
  });
});

test("failures of one kind are told at most every ten seconds, and counted between", () => {
  const lines: string[] = [];
  let now = 0;
  const log = new FailureLog(
    (line) => lines.push(line),
    () => now,
  );
  log.tell("get", "down");
  log.tell("get", "down");
  log.tell("store", "down");
  now = 9999;
  log.tell("get", "down");
  now = 10_000;
  log.tell("get", "still down");
  log.tell("get", "down");
  expect(lines).toEqual(["down", "down", "still down (and 2 more since the last line)"]);
});
