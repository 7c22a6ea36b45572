import { LLMCacheError } from "@llmcache/core";
import { masked, parametersOf, pathOf, type OpenStore } from "@llmcache/core/open";
import { s3Store } from "./factory.ts";

const PARAMETERS = {
  region: "text",
  endpoint: "text",
  forcePathStyle: "boolean",
  tls: "boolean",
  rejectUnauthorized: "boolean",
  timeout: "durationMs",
  maxRequests: "number",
  maxEntryBytes: "bytes",
} as const;

/**
 * Opens `s3://bucket/prefix`, percent-encoded where it has `?`, `#`, `%` or a space. A prefix gets a slash at its end; without one it
 * is the default of `S3Store`. Parameters are the options of `s3Store`:
 * `s3://answers/team-a?region=eu-central-1`, `s3://answers?endpoint=http://localhost:9000&timeout=2s`. Credentials are the
 * environment's, as the SDK finds them. `codec` and `clock` of the options are used.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming the parameter that is not what it may be.
 */
export const open: OpenStore = (url, { codec, clock }) => {
  if (/^[^:]*:\/\/[^/?#]*@/.test(url))
    throw wrong(
      url,
      "credentials do not belong there: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE or a role",
    );
  const match = /^\/\/([^/]+)(?:\/(.*))?$/s.exec(pathOf(url));
  if (match === null) throw wrong(url, "it must be like s3://bucket/prefix");
  const [, bucket = "", path = ""] = match;
  const prefix = path === "" || path.endsWith("/") ? path : `${path}/`;
  const { timeout, tls, rejectUnauthorized, ...rest } = parametersOf(url, PARAMETERS);
  if (rejectUnauthorized !== undefined && tls === false)
    throw wrong(url, "rejectUnauthorized says nothing without tls");
  return s3Store({
    ...rest,
    bucket,
    prefix: prefix === "" ? undefined : prefix,
    tls: rejectUnauthorized === undefined ? tls : { rejectUnauthorized },
    timeoutMs: timeout,
    codec,
    clock,
  });
};

function wrong(url: string, what: string): LLMCacheError {
  return new LLMCacheError("ERR_LLMCACHE_OPTION", `${masked(url)} cannot be opened: ${what}.`);
}
