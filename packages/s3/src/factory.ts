import { S3Client, type S3ClientConfig } from "@aws-sdk/client-s3";
import { LLMCacheError } from "@llmcache/core";
import type { S3StoreSettings } from "./options.ts";
import { S3Store } from "./s3-store.ts";

/** Keys that do not come from the SDK's own chain. */
export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of temporary credentials. */
  readonly sessionToken?: string | undefined;
}

/** How the server is known to be the right one. */
export interface S3TlsOptions {
  /** Certificates of authorities, in PEM, instead of those that Node trusts. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[] | undefined;
  /** `false` takes any certificate: whoever is in between can read and change everything. @default true */
  readonly rejectUnauthorized?: boolean | undefined;
}

/** Options of {@link s3Store}. */
export interface S3ConnectionOptions extends S3StoreSettings {
  /** @default what the SDK finds (`AWS_REGION`, the profile); with an `endpoint`, `AWS_REGION` or `"us-east-1"` */
  readonly region?: string | undefined;
  /** Of a server that is not AWS: `https://s3.example.com`; without a scheme `https:`, or `http:` with `tls: false`. */
  readonly endpoint?: string | undefined;
  /** `https://host/bucket/key` instead of `https://bucket.host/key`. @default true with an `endpoint`, else false */
  readonly forcePathStyle?: boolean | undefined;
  /** @default the SDK's own chain: environment, profiles, roles */
  readonly credentials?: S3Credentials | undefined;
  /** `false`: plain HTTP. */
  readonly tls?: boolean | S3TlsOptions | undefined;
  /** Handed to `new S3Client` as it is, over everything else. */
  readonly clientConfig?: S3ClientConfig | undefined;
}

const DEFAULT_REGION = "us-east-1";
/** The SDK's own default. */
const LEAST_MAX_SOCKETS = 50;

/**
 * Makes a client and the store over it. Nothing is sent before the first call. Dispose the store to close the client's connections.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming the option that is not what it may be; messages hold no credentials.
 */
export function s3Store(options: S3ConnectionOptions): S3Store {
  const { region, endpoint, forcePathStyle, credentials, tls, clientConfig, ...settings } = options;
  const client = new S3Client({
    ...configOf({ region, endpoint, forcePathStyle, credentials, tls, maxRequests: settings.maxRequests }),
    // Checksums that S3 does not demand are trailers or headers that older servers refuse; a frame has its own.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    // A server that does not answer `Expect: 100-continue` would be waited for for six seconds.
    expectContinueHeader: false,
    ...clientConfig,
  });
  try {
    return new OwningS3Store({ ...settings, client }, client);
  } catch (error) {
    client.destroy();
    throw error;
  }
}

class OwningS3Store extends S3Store {
  readonly #client: S3Client;

  constructor(options: ConstructorParameters<typeof S3Store>[0], client: S3Client) {
    super(options);
    this.#client = client;
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
    this.#client.destroy();
  }
}

type Where = Pick<
  S3ConnectionOptions,
  "region" | "endpoint" | "forcePathStyle" | "credentials" | "tls" | "maxRequests"
>;

function configOf({ region, endpoint, forcePathStyle, credentials, tls, maxRequests = 0 }: Where): S3ClientConfig {
  if (region !== undefined && (typeof region !== "string" || region === ""))
    throw wrong("region must be a name such as us-east-1");
  if (forcePathStyle !== undefined && typeof forcePathStyle !== "boolean")
    throw wrong("forcePathStyle must be true or false");
  if (tls !== undefined && typeof tls !== "boolean" && (typeof tls !== "object" || tls === null))
    throw wrong("tls must be true, false or { ca, rejectUnauthorized }");
  const maxSockets = Number.isSafeInteger(maxRequests) ? Math.max(LEAST_MAX_SOCKETS, maxRequests) : LEAST_MAX_SOCKETS;
  return {
    ...(endpoint === undefined ? {} : { endpoint: endpointOf(endpoint, tls) }),
    ...(region !== undefined ? { region } : endpoint !== undefined ? { region: regionOfEnvironment } : {}),
    forcePathStyle: forcePathStyle ?? endpoint !== undefined,
    ...(credentials === undefined ? {} : { credentials: credentialsOf(credentials) }),
    ...(tls === false && endpoint === undefined ? { tls: false } : {}),
    requestHandler: {
      httpAgent: { keepAlive: true, maxSockets },
      httpsAgent: { keepAlive: true, maxSockets, ...(typeof tls === "object" ? agentTls(tls) : {}) },
    },
  };
}

async function regionOfEnvironment(): Promise<string> {
  return process.env["AWS_REGION"] ?? process.env["AWS_DEFAULT_REGION"] ?? DEFAULT_REGION;
}

function endpointOf(endpoint: string, tls: Where["tls"]): string {
  const text =
    typeof endpoint === "string" && /^[^/?#\s]/.test(endpoint) && !/^[a-z][a-z0-9+.-]*:\/\//i.test(endpoint)
      ? `${tls === false ? "http" : "https"}://${endpoint}`
      : endpoint;
  const url = typeof text === "string" && URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:"))
    throw wrong("endpoint must be an address such as https://s3.example.com");
  if (url.username !== "" || url.password !== "")
    throw wrong(
      "endpoint must not hold credentials: give credentials, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    );
  if (url.search !== "" || url.hash !== "") throw wrong("endpoint must have no query");
  if (url.protocol === "https:" && tls === false) throw wrong("endpoint is https:, and tls is false");
  if (url.protocol === "http:" && tls !== undefined && tls !== false)
    throw wrong("endpoint is http:, and tls is given");
  return url.href.replace(/\/+$/, "");
}

function credentialsOf(credentials: S3Credentials): {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
} {
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  for (const [name, value] of Object.entries({ accessKeyId, secretAccessKey })) {
    if (typeof value !== "string" || value === "") throw wrong(`credentials.${name} must be a text`);
  }
  if (sessionToken !== undefined && typeof sessionToken !== "string")
    throw wrong("credentials.sessionToken must be a text");
  return {
    accessKeyId,
    secretAccessKey,
    ...(sessionToken === undefined || sessionToken === "" ? {} : { sessionToken }),
  };
}

function agentTls({ ca, rejectUnauthorized }: S3TlsOptions): {
  ca?: string | Buffer | (string | Buffer)[];
  rejectUnauthorized?: boolean;
} {
  return {
    ...(ca === undefined ? {} : { ca: typeof ca === "string" || Buffer.isBuffer(ca) ? ca : [...ca] }),
    ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
  };
}

function wrong(message: string): LLMCacheError {
  return new LLMCacheError("ERR_LLMCACHE_OPTION", `s3Store: ${message}.`);
}
