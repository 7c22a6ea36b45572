import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { isLLMCacheError } from "@llmcache/core";
import { lifecycleRule, s3Store, S3Store, type S3ConnectionOptions, type S3StoreOptions } from "@llmcache/s3";
import { open } from "@llmcache/s3/open";
import { FakeS3 } from "./fake-s3.ts";

const SECRET = "the-secret-key";
const credentials = { accessKeyId: "the-access-key", secretAccessKey: SECRET, sessionToken: "the-session-token" };

function optionError(make: () => unknown): string {
  try {
    make();
  } catch (error) {
    expect(isLLMCacheError(error, "ERR_LLMCACHE_OPTION")).toBe(true);
    return (error as Error).message;
  }
  return expect.fail("it was taken");
}

describe("options of S3Store", () => {
  test.each([
    ["client", {}],
    ["client", undefined],
    ["bucket", ""],
    ["bucket", "a/b"],
    ["bucket", undefined],
    ["prefix", "/a"],
    ["prefix", "a//b"],
    ["prefix", "../a"],
    ["prefix", "a\nb"],
    ["prefix", "x".repeat(1000)],
    ["prefix", 1],
    ["wholeBucket", "yes"],
    ["timeoutMs", 0],
    ["timeoutMs", Number.POSITIVE_INFINITY],
    ["maxRequests", 1.5],
    ["maxEntryBytes", -1],
    ["codec", {}],
    ["clock", 1],
  ])("%s may not be %j", (name, value) => {
    const options = { client: new FakeS3(), bucket: "b", [name]: value } as unknown as S3StoreOptions;
    expect(optionError(() => new S3Store(options))).toContain(`${name} must be`);
  });

  test("have defaults, and an ARN is a bucket, too", () => {
    const store = new S3Store({ client: new FakeS3(), bucket: "arn:aws:s3:us-west-2:123456789012:accesspoint/test" });
    expect(store).toMatchObject({ contract: 1, name: "s3", match: "exact", expiry: "native", prefix: "llmcache/" });
  });
});

describe("options of s3Store", () => {
  test.each<[Partial<S3ConnectionOptions> | object, string]>([
    [{ endpoint: "" }, "endpoint"],
    [{ endpoint: "ftp://host" }, "endpoint"],
    [{ endpoint: "https://user:the-secret-key@host" }, "endpoint must not hold credentials"],
    [{ endpoint: "https://host?x=1" }, "endpoint must have no query"],
    [{ endpoint: "https://host", tls: false }, "tls is false"],
    [{ endpoint: "http://host", tls: { ca: "x" } }, "tls is given"],
    [{ tls: "yes" }, "tls must be"],
    [{ region: "" }, "region"],
    [{ forcePathStyle: "yes" }, "forcePathStyle"],
    [{ credentials: { accessKeyId: "", secretAccessKey: SECRET } }, "credentials.accessKeyId"],
    [{ credentials: { accessKeyId: "a" } }, "credentials.secretAccessKey"],
    [{ credentials: { ...credentials, sessionToken: 1 } }, "credentials.sessionToken"],
    [{ bucket: "" }, "bucket"],
  ])("%#: %j is refused", (options, message) => {
    const text = optionError(() => s3Store({ bucket: "b", ...options }));
    expect(text).toContain(message);
    expect(text).not.toContain(SECRET);
  });

  test("credentials are not seen by looking at a store", async () => {
    const store = s3Store({ bucket: "b", region: "r", credentials });
    const seen = inspect(store, { depth: null, showHidden: true }) + JSON.stringify(store);
    for (const secret of Object.values(credentials)) expect(seen).not.toContain(secret);
    await store[Symbol.asyncDispose]();
  });
});

describe("a URL", () => {
  test.each([
    ["s3://answers", "answers", "llmcache/"],
    ["s3://answers/", "answers", "llmcache/"],
    ["s3://answers/team-a", "answers", "team-a/"],
    ["s3://answers/team-a/", "answers", "team-a/"],
    [
      "s3://answers/a/b%20c?region=eu-central-1&endpoint=http%3A%2F%2Flocalhost%3A9000&forcePathStyle=false",
      "answers",
      "a/b c/",
    ],
    [
      "s3://answers?endpoint=localhost:9000&tls=false&timeout=2s&maxRequests=4&maxEntryBytes=1MiB",
      "answers",
      "llmcache/",
    ],
    ["s3://answers?endpoint=https://localhost:9000&rejectUnauthorized=false", "answers", "llmcache/"],
  ])("%s names a bucket and a prefix", async (url, bucket, prefix) => {
    const store = await open(url, {});
    expect(store).toMatchObject({ name: "s3", bucket, prefix });
    await store[Symbol.asyncDispose]();
  });

  test.each([
    ["s3:", "s3://bucket/prefix"],
    ["s3:///prefix", "s3://bucket/prefix"],
    ["s3://key:the-secret-key@bucket", "credentials do not belong there"],
    ["s3://bucket?secretAccessKey=the-secret-key", "secretAccessKey is no parameter"],
    ["s3://bucket?region=a&region=b", "region stands twice"],
    ["s3://bucket?forcePathStyle=maybe", "forcePathStyle must be true or false"],
    ["s3://bucket?timeout=soon", "timeout"],
    ["s3://bucket?maxRequests=0", "maxRequests must be"],
    ["s3://bucket?endpoint=nowhere:x", "endpoint must be"],
    ["s3://bucket?tls=false&rejectUnauthorized=false", "rejectUnauthorized says nothing"],
    ["s3://bucket/../x", "prefix must be"],
  ])("%s is refused", (url, message) => {
    const text = optionError(() => open(url, {}));
    expect(text).toContain(message);
    expect(text).not.toContain(SECRET);
  });
});

describe("a lifecycle rule", () => {
  test.each([
    [
      { keep: "30d" },
      { ID: "llmcache llmcache/", Status: "Enabled", Filter: { Prefix: "llmcache/" }, Expiration: { Days: 30 } },
    ],
    [
      { keep: 3600, prefix: "a/", id: "mine" },
      { ID: "mine", Status: "Enabled", Filter: { Prefix: "a/" }, Expiration: { Days: 1 } },
    ],
    [
      { keep: "25h", versioned: true },
      {
        ID: "llmcache llmcache/",
        Status: "Enabled",
        Filter: { Prefix: "llmcache/" },
        Expiration: { Days: 2 },
        NoncurrentVersionExpiration: { NoncurrentDays: 1 },
      },
    ],
  ])("%#: of %j", (options, rule) => {
    expect(lifecycleRule(options)).toEqual(rule);
  });

  test.each([
    [{ keep: "30d", prefix: "" }],
    [{ keep: Number.POSITIVE_INFINITY }],
    [{ keep: "soon" }],
    [{ keep: "1d", prefix: "/" }],
  ])("is not made of %j", (options) => {
    optionError(() => lifecycleRule(options));
  });
});
