import type { SharedV4ProviderOptions } from "@ai-sdk/provider";
import type { CacheControl, Duration } from "@llmcache/core";

/**
 * Controls of one call: `providerOptions: { llmcache: { ttl: "1h" } satisfies LLMCacheProviderOptions }`. The provider does not see them,
 * and they are not in the key (a `namespace` and a `version` add their level, as anywhere).
 */
export type LLMCacheProviderOptions = {
  -readonly [Name in keyof CacheControl]: Mutable<CacheControl[Name]>;
};

/** As JSON objects of the AI SDK are typed. */
type Mutable<T> = T extends Duration | boolean | undefined
  ? T
  : T extends readonly (infer Item)[]
    ? Item[]
    : { -readonly [Name in keyof T]: T[Name] };

/** What a call says to us, and what of its provider options is the provider's. */
export interface SplitOptions {
  readonly control: CacheControl;
  readonly rest: SharedV4ProviderOptions | undefined;
}

const NO_CONTROL: CacheControl = {};

/** Takes our part out of the provider options. */
export function splitOptions(options: SharedV4ProviderOptions | undefined): SplitOptions {
  if (options === undefined || !Object.hasOwn(options, "llmcache")) return { control: NO_CONTROL, rest: options };
  const { llmcache, ...rest } = options;
  return { control: llmcache ?? NO_CONTROL, rest };
}

/** Options of providers that label the caller and do not change the answer, as in the wire formats of these providers. */
const LABELS: Readonly<Record<string, readonly string[]>> = {
  openai: ["metadata", "safetyIdentifier", "user"],
  azure: ["metadata", "safetyIdentifier", "user"],
  anthropic: ["metadata"],
};

/** Provider options that count; `undefined` where there are none. */
export function countedOptions(options: SharedV4ProviderOptions | undefined): object | undefined {
  if (options === undefined) return undefined;
  const counted: Record<string, object> = {};
  for (const [provider, given] of Object.entries(options)) {
    const labels = Object.hasOwn(LABELS, provider) ? LABELS[provider] : undefined;
    const own =
      labels === undefined
        ? given
        : Object.fromEntries(Object.entries(given).filter(([name]) => !labels.includes(name)));
    if (Object.keys(own).length > 0) counted[provider] = own;
  }
  return Object.keys(counted).length === 0 ? undefined : counted;
}
