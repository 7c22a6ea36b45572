import { parametersOf } from "./store-url.ts";
import type { TierOptions } from "./tier-options.ts";

/** The parameters that are the tier's and not the store's. */
const PARAMETERS = { maxTtl: "durationMs", write: "boolean", tier: "text" } as const;
const MS_PER_SECOND = 1000;

/** A store's URL without what is meant for its tier. */
export interface TierUrl {
  readonly url: string;
  readonly tier: Omit<TierOptions, "store">;
}

/** Takes the tier's parameters out; the rest stays as it was written. @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming one that is wrong. */
export function splitTierUrl(url: string): TierUrl {
  const [, before = "", query = "", fragment = ""] = /^([^?#]*)\?([^#]*)(#.*)?$/s.exec(url) ?? [];
  const [own, rest]: [string[], string[]] = [[], []];
  for (const parameter of query.split("&"))
    (Object.hasOwn(PARAMETERS, parameter.replace(/=.*$/s, "")) ? own : rest).push(parameter);
  if (own.length === 0) return { url, tier: {} };
  const { maxTtl, write, tier } = parametersOf(`tier:?${own.join("&")}`, PARAMETERS);
  return {
    url: `${before}${rest.length === 0 ? "" : `?${rest.join("&")}`}${fragment}`,
    tier: {
      ...(maxTtl === undefined ? {} : { maxTtl: maxTtl / MS_PER_SECOND }),
      ...(write === undefined ? {} : { write }),
      ...(tier === undefined ? {} : { name: tier }),
    },
  };
}
