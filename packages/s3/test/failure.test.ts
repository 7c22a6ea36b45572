import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { isLLMCacheError } from "@llmcache/core";
import { sampleEntry } from "@llmcache/core/conformance";
import { S3Store } from "@llmcache/s3";
import { FakeS3, serviceError } from "./fake-s3.ts";

const SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const TOKEN = `FwoGZXIvYXdzE${"x".repeat(200)}`;

function systemError(code: string, message: string = code): Error {
  return Object.assign(new Error(message), { code });
}

async function failureOf(error: unknown): Promise<Error> {
  const fake = new FakeS3();
  fake.before = () => {
    throw error;
  };
  return new S3Store({ client: fake, bucket: "my-bucket" }).get(sampleEntry()).then(
    () => expect.fail("it did not reject"),
    (failure: unknown) => failure as Error,
  );
}

describe("an error says what a person should do", () => {
  test.each([
    [serviceError("NoSuchBucket", 404), "there is no such bucket: create it, or check bucket, region and endpoint"],
    [
      serviceError("AccessDenied", 403),
      "allow s3:GetObject, s3:PutObject and s3:DeleteObject on the objects, and s3:ListBucket on the bucket",
    ],
    [serviceError("UnknownError", 403), "these credentials may not do this"],
    [serviceError("SlowDown", 503), "the server wants fewer requests"],
    [serviceError("TooManyRequestsException", 429), "the server wants fewer requests"],
    [serviceError("ThrottlingException", 400), "the server wants fewer requests"],
    [
      serviceError("PermanentRedirect", 301, { $response: { headers: { "x-amz-bucket-region": "eu-west-3" } } }),
      'check region and endpoint (The server says PermanentRedirect; the server says region "eu-west-3")',
    ],
    [serviceError("AuthorizationHeaderMalformed", 400, { Region: "eu-west-3" }), "the bucket is in another region"],
    [serviceError("ExpiredToken", 400), "the temporary credentials have expired: sign in again"],
    [serviceError("InvalidAccessKeyId", 403), "the server does not know the access key"],
    [serviceError("SignatureDoesNotMatch", 403), "the secret key is wrong"],
    [serviceError("InvalidToken", 400), "the session token is not valid"],
    [serviceError("RequestTimeTooSkewed", 403), "the clock of this machine is wrong"],
    [serviceError("QuotaExceeded", 403), "there is no room left"],
    [serviceError("InternalError", 500), "the server failed"],
    [serviceError("UnknownError", 502), "the server failed"],
    [
      Object.assign(new Error("Could not load credentials from any providers"), { name: "CredentialsProviderError" }),
      "there are no credentials",
    ],
    [
      Object.assign(new Error("The SSO session associated with this profile has expired."), {
        name: "TokenProviderError",
      }),
      "the temporary credentials have expired",
    ],
    [new Error("Region is missing"), "no region is set"],
    [
      systemError("ENOTFOUND", "getaddrinfo ENOTFOUND my-bucket.s3.nowhere.test"),
      "the host is unknown: check endpoint and region",
    ],
    [systemError("ECONNREFUSED", "connect ECONNREFUSED 127.0.0.1:1"), "nothing listens there"],
    [
      Object.assign(new AggregateError([systemError("ECONNREFUSED", "connect ECONNREFUSED ::1:1")], ""), {
        code: "ECONNREFUSED",
      }),
      "nothing listens there",
    ],
    [systemError("DEPTH_ZERO_SELF_SIGNED_CERT", "self-signed certificate"), "give its authority as tls: { ca }"],
    [systemError("ERR_TLS_CERT_ALTNAME_INVALID", "Hostname does not match"), "its certificate is for another name"],
    [systemError("EPROTO", "SSL routines:wrong version number"), "it does not speak TLS on this port"],
    [Object.assign(new Error("Socket timed out"), { name: "TimeoutError" }), "it cannot be reached"],
    [systemError("ECONNRESET", "socket hang up"), "the connection was lost"],
  ])("%#: %s", async (error, advice) => {
    const failure = await failureOf(error);
    expect(isLLMCacheError(failure, "ERR_LLMCACHE_STORE")).toBe(true);
    expect(failure.message).toContain('The S3 store of bucket "my-bucket" failed to read: ');
    expect(failure.message).toContain(advice);
  });

  test("and names what it does not know as it is", async () => {
    expect((await failureOf(serviceError("XMinioOddity", 400))).message).toBe(
      'The S3 store of bucket "my-bucket" failed to read: The server says XMinioOddity.',
    );
    expect((await failureOf("text")).message).toContain("text");
    expect((await failureOf(undefined)).message).toContain("failed to read");
    const odd: { cause?: unknown; name: string } = { name: "Error" };
    odd.cause = odd;
    expect((await failureOf(odd)).message).toContain("failed to read");
  });
});

test("what the SDK hangs on an error is not handed on", async () => {
  const error = serviceError("SignatureDoesNotMatch", 403, {
    AWSAccessKeyId: "AKIAIOSFODNN7EXAMPLE",
    StringToSign: SECRET,
    "Token-0": TOKEN,
    $response: { headers: { "x-amz-security-token": TOKEN }, body: SECRET },
  });
  error.message = `The signature of ${TOKEN} does not match ${SECRET}.`;
  const failure = await failureOf(error);
  const seen = inspect(failure, { depth: null, showHidden: true });
  for (const secret of [SECRET, TOKEN, "AKIAIOSFODNN7EXAMPLE"]) expect(seen).not.toContain(secret);
  expect(failure.cause).toMatchObject({ code: "SignatureDoesNotMatch", status: 403 });
});

test("an answer 404 is a miss only if an S3 server gave it", async () => {
  const fake = new FakeS3();
  const store = new S3Store({ client: fake, bucket: "b" });
  const fail = (error: Error): void => {
    fake.before = () => {
      throw error;
    };
  };
  fail(serviceError("NotFound", 404, { $metadata: { httpStatusCode: 404, requestId: "r" } }));
  expect(await store.get(sampleEntry())).toBeUndefined();
  fail(serviceError("NotFound", 404));
  await expect(store.get(sampleEntry())).rejects.toThrow("what answers there is no S3 server");
});
