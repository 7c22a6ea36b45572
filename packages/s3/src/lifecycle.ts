import type { LifecycleRule } from "@aws-sdk/client-s3";
import { durationMs, LLMCacheError, type Duration } from "@llmcache/core";
import { DEFAULT_PREFIX, requirePrefix } from "./options.ts";

/** Options of {@link lifecycleRule}. */
export interface LifecycleRuleOptions {
  /** How long objects stay after they were written: the longest lifetime in use, `keepStale` added. Seconds, or text such as `"30d"`. S3 counts in days. */
  readonly keep: Duration;
  /** The store's. @default "llmcache/" */
  readonly prefix?: string | undefined;
  /** The name of the rule. @default `llmcache ` and the prefix */
  readonly id?: string | undefined;
  /** The bucket keeps versions: what was replaced or removed goes a day later. @default false */
  readonly versioned?: boolean | undefined;
}

const DAY_MS = 86_400_000;

/**
 * A lifecycle rule by which the server drops what nobody will be served any more: an element of `Rules` of
 * `PutBucketLifecycleConfigurationCommand` and of `aws s3api put-bucket-lifecycle-configuration`. That call replaces all rules of the
 * bucket: add this one to those that are there.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming the option; an empty prefix would be the whole bucket and is refused.
 */
export function lifecycleRule(options: LifecycleRuleOptions): LifecycleRule {
  const { keep, prefix = DEFAULT_PREFIX, id, versioned = false } = options;
  requirePrefix(prefix);
  if (prefix === "")
    throw new LLMCacheError(
      "ERR_LLMCACHE_OPTION",
      "lifecycleRule: prefix must not be empty: the rule would drop everything in the bucket.",
    );
  const keepMs = durationMs(keep, "keep");
  if (!Number.isFinite(keepMs)) throw new LLMCacheError("ERR_LLMCACHE_OPTION", "lifecycleRule: keep must have an end.");
  return {
    ID: id ?? `llmcache ${prefix}`.slice(0, 255),
    Status: "Enabled",
    Filter: { Prefix: prefix },
    Expiration: { Days: Math.max(1, Math.ceil(keepMs / DAY_MS)) },
    ...(versioned ? { NoncurrentVersionExpiration: { NoncurrentDays: 1 } } : {}),
  };
}
