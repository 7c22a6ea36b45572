import { LLMCacheError } from "@llmcache/core";

interface S3ErrorLike {
  readonly name?: unknown;
  readonly Code?: unknown;
  readonly code?: unknown;
  readonly message?: unknown;
  readonly cause?: unknown;
  readonly errors?: unknown;
  readonly Region?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: unknown; readonly requestId?: unknown };
  readonly $response?: { readonly headers?: Readonly<Record<string, unknown>>; readonly statusCode?: unknown };
}

/** What a person can do about it: the first line that fits the server's code, or the system's, or their words. */
const ADVICE: readonly (readonly [words: RegExp, advice: string])[] = [
  [/NoSuchBucket/, "there is no such bucket: create it, or check bucket, region and endpoint"],
  [
    /InvalidAccessKeyId/,
    "the server does not know the access key: check accessKeyId (or AWS_ACCESS_KEY_ID), and that it belongs to this endpoint",
  ],
  [/SignatureDoesNotMatch/, "the secret key is wrong: check secretAccessKey (or AWS_SECRET_ACCESS_KEY), and region"],
  [
    /ExpiredToken|TokenRefreshRequired|RequestExpired|credentials? (?:has|have|is|are) expired|session.*expired/i,
    "the temporary credentials have expired: sign in again, or give new ones with their sessionToken",
  ],
  [
    /InvalidToken|InvalidSecurity/,
    "the session token is not valid: give sessionToken together with the accessKeyId and secretAccessKey it came with",
  ],
  [/RequestTimeTooSkewed/, "the clock of this machine is wrong: set it"],
  [
    /PermanentRedirect|TemporaryRedirect|AuthorizationHeaderMalformed|IllegalLocationConstraint|MovedPermanently|^301\b/,
    "the bucket is in another region or at another endpoint: check region and endpoint",
  ],
  [
    /CredentialsProviderError|Could not load credentials|Resolved credential object is not valid/,
    "there are no credentials: give credentials, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE or a role",
  ],
  [/Region is missing/, "no region is set: give region, or set AWS_REGION"],
  [
    /AccessDenied|Forbidden|AllAccessDisabled|AccountProblem|^403\b/,
    "these credentials may not do this: allow s3:GetObject, s3:PutObject and s3:DeleteObject on the objects, and s3:ListBucket on the bucket (without which an object that is not there looks like a denied one)",
  ],
  [
    /SlowDown|Throttl|TooManyRequests|RequestLimitExceeded|BandwidthLimitExceeded|ServiceUnavailable|^(?:429|503)\b/i,
    "the server wants fewer requests, or is busy: lower maxRequests, or try later",
  ],
  [
    /QuotaExceeded|InsufficientCapacity|InsufficientStorage|StorageFull|TooManyBuckets|^507\b/i,
    "there is no room left: free some, raise the quota, or set a lifecycle rule",
  ],
  [/EntityTooLarge|^413\b/, "the entry is too large for the server: lower maxEntryBytes"],
  [/KeyTooLong/, "the server wants shorter keys: take a shorter prefix"],
  [/InvalidBucketName/, "this cannot be the name of a bucket: check bucket"],
  [/KMS/, "the key that the bucket encrypts with cannot be used: check the permissions for that key"],
  [/NotImplemented|MethodNotAllowed|^501\b/, "the server cannot do this: see what it implements of S3"],
  [
    /ENOTFOUND|EAI_AGAIN/,
    "the host is unknown: check endpoint and region (servers without a host name for each bucket need forcePathStyle: true)",
  ],
  [/ECONNREFUSED/, "nothing listens there: check endpoint, and that the server runs"],
  [
    /SELF_SIGNED|self-signed|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/i,
    "its certificate is not one that this machine trusts: give its authority as tls: { ca }",
  ],
  [
    /ALTNAME_INVALID/,
    "its certificate is for another name: connect by that name (servers without a host name for each bucket need forcePathStyle: true)",
  ],
  [/CERT_HAS_EXPIRED/, "its certificate has expired: renew it on the server"],
  [
    /EPROTO|SSL routines|wrong version number/i,
    "it does not speak TLS on this port: use http: in endpoint, or tls: false",
  ],
  [
    /HPE_|Parse Error|Expected HTTP/,
    "it does not speak HTTP on this port: check endpoint, and whether it wants https:",
  ],
  [
    /ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|TimeoutError/,
    "it cannot be reached: check endpoint, and what is in between (proxy, firewall, security group)",
  ],
  [/ECONNRESET|EPIPE|socket hang up|CutShort|aborted|Premature close/i, "the connection was lost"],
  [/NotFound|^404\b/, "what answers there is no S3 server, or not at this path: check endpoint"],
  [/InternalError|^5\d\d\b/, "the server failed: see its log"],
];
/** A server may repeat the request in its words, and so what must not be seen. */
const MOST_CHARACTERS = 300;

/** The server's code for what went wrong (`NoSuchKey`), or the system's (`ECONNREFUSED`), or the HTTP status. */
export function codeOf(error: unknown): string {
  const { Code, code, name, $metadata } = (error ?? {}) as S3ErrorLike;
  const status = typeof $metadata?.httpStatusCode === "number" ? String($metadata.httpStatusCode) : undefined;
  const named = [Code, name, code].find((one) => typeof one === "string" && one !== "" && !VAGUE.has(one)) as
    | string
    | undefined;
  return named ?? status ?? systemCode(error) ?? (typeof name === "string" ? name : "unknown");
}

/** What the SDK says when it knows nothing but the status. */
const VAGUE: ReadonlySet<string> = new Set([
  "Error",
  "TypeError",
  "AggregateError",
  "SyntaxError",
  "Unknown",
  "UnknownError",
  "BadRequest",
]);

export function statusOf(error: unknown): number | undefined {
  const { $metadata, $response } = (error ?? {}) as S3ErrorLike;
  const status = $metadata?.httpStatusCode ?? $response?.statusCode;
  return typeof status === "number" ? status : undefined;
}

/** The object is empty: not even its first byte can be had. */
export function isBeyondEnd(error: unknown): boolean {
  return statusOf(error) === 416 || codeOf(error) === "InvalidRange";
}

/** Is there no object of that key? Not said of a bucket, nor by something that is no S3 server and has no ids for requests. */
export function isMissing(error: unknown): boolean {
  const code = codeOf(error);
  return code === "NoSuchKey" || (code === "NotFound" && (error as S3ErrorLike).$metadata?.requestId !== undefined);
}

/** Another object than the condition of a write demands is there. */
export function isRefusedCondition(error: unknown): boolean {
  return statusOf(error) === 412 || codeOf(error) === "PreconditionFailed" || isConflict(error);
}

/** Someone else is just writing the same object (AWS: ConditionalRequestConflict, Ceph: ConcurrentModification). */
export function isConflict(error: unknown): boolean {
  return (
    statusOf(error) === 409 &&
    /^(?:ConditionalRequestConflict|ConcurrentModification|OperationAborted|409)$/.test(codeOf(error))
  );
}

/** The server says that it knows no conditions on writes. */
export function isUnknownCondition(error: unknown): boolean {
  const status = statusOf(error);
  if (status === 501 || codeOf(error) === "NotImplemented") return true;
  return (
    status === 400 &&
    /if-(?:none-)?match|conditional|precondition|header/i.test(
      `${String((error as S3ErrorLike).message)} ${codeOf(error)}`,
    )
  );
}

/** The server has no DeleteObjects, or wants a checksum for it that the SDK no longer makes. */
export function isUnknownBatch(error: unknown): boolean {
  const status = statusOf(error);
  return (
    status === 501 ||
    status === 405 ||
    /NotImplemented|MethodNotAllowed|MissingContentMD5|InvalidDigest|BadDigest/.test(codeOf(error)) ||
    (status === 400 && /InvalidRequest|MissingArgument/.test(codeOf(error)))
  );
}

/** An error for callers: names the operation, the bucket and what to do. */
export function s3Error(what: string, where: string, error: unknown): LLMCacheError {
  const text = textOf(error);
  const code = codeOf(error);
  const [, advice] = ADVICE.find(([words]) => words.test(code)) ?? ADVICE.find(([words]) => words.test(text)) ?? [];
  const region = regionOf(error);
  const hint = region === undefined ? "" : `; the server says region ${JSON.stringify(region)}`;
  const message =
    advice === undefined
      ? `${where} failed to ${what}: ${text}.`
      : `${where} failed to ${what}: ${advice} (${text}${hint}).`;
  return new LLMCacheError("ERR_LLMCACHE_STORE", message, { cause: withoutSecrets(error, text) });
}

/** Nothing came back in time. */
export function lateError(what: string, where: string, timeoutMs: number): LLMCacheError {
  return new LLMCacheError(
    "ERR_LLMCACHE_STORE",
    `${where} did not ${what} within ${timeoutMs} ms (timeoutMs): the server may be overloaded or frozen, or cannot be reached; check endpoint, and what is in between.`,
  );
}

/** Code and message. Of what a server repeats, only names: a signature or a token is neither short nor plain. */
function textOf(error: unknown): string {
  const code = codeOf(error);
  const { message } = (rootOf(error) ?? {}) as S3ErrorLike;
  const words = (typeof message === "string" ? message : typeof error === "string" ? error : "")
    .split("\n", 1)[0]
    ?.replaceAll(/[A-Za-z0-9+/=_-]{33,}/g, "…")
    .slice(0, MOST_CHARACTERS)
    .replace(/[.\s]+$/, "");
  return words === undefined || words === "" || words === code
    ? code
    : words.includes(code)
      ? words
      : `${code}: ${words}`;
}

/** Of several addresses that were tried, each has an error. */
function rootOf(error: unknown): unknown {
  const { errors, message } = (error ?? {}) as S3ErrorLike;
  return Array.isArray(errors) && errors.length > 0 && (message === "" || message === undefined) ? errors[0] : error;
}

function systemCode(error: unknown): string | undefined {
  const root = rootOf(error);
  const { code } = ((root === error ? (error as S3ErrorLike | undefined)?.cause : root) ?? {}) as S3ErrorLike;
  return typeof code === "string" ? code : undefined;
}

function regionOf(error: unknown): string | undefined {
  const { Region, $response } = (error ?? {}) as S3ErrorLike;
  const region = Region ?? $response?.headers?.["x-amz-bucket-region"];
  return typeof region === "string" && /^[a-z0-9-]{1,40}$/.test(region) ? region : undefined;
}

/** The SDK hangs the answer, the access key, the text that was signed and the session token on an error. */
function withoutSecrets(error: unknown, text: string): Error {
  const { name, $metadata } = (error ?? {}) as S3ErrorLike;
  const clean = new Error(text);
  if (typeof name === "string") clean.name = name;
  const { httpStatusCode, requestId } = $metadata ?? {};
  return Object.assign(clean, {
    code: codeOf(error),
    ...(typeof httpStatusCode === "number" ? { status: httpStatusCode } : {}),
    ...(typeof requestId === "string" ? { requestId } : {}),
  });
}
