import type { Json, OptionChecks } from "@llmcache/core";
import type { RetryOptions } from "./retry.ts";
import type { SamplerIdentity } from "./sampler.ts";

/** Options of every sampler that asks a provider. */
export interface ProviderSamplerOptions extends RetryOptions {
  /** Where the model takes one. @default the provider's, and none in the identity */
  readonly temperature?: number | undefined;
  /** Further fields of all requests. They count in the identity. @default none */
  readonly settings?: Readonly<Record<string, Json | undefined>> | undefined;
  /** The model's name in the identity: one for a model that providers call differently. @default the model's own */
  readonly alias?: string | undefined;
}

/** What is right for one sampler. */
export interface ProviderSamplerRules {
  /** Options that are names of models. */
  readonly names: Readonly<Record<string, unknown>>;
  /** What `samples` may be. */
  readonly kinds: readonly string[];
  /** Fields of requests that are the sampler's own, or the prompt's. */
  readonly fields: readonly string[];
}

/** @throws LLMCacheError `ERR_LLMCACHE_OPTION` for a wrong one. What is said of retries is checked where it is used. */
export function checkProviderOptions(
  checks: OptionChecks,
  options: ProviderSamplerOptions & { readonly samples?: unknown },
  { names, kinds, fields }: ProviderSamplerRules,
): void {
  const { temperature, settings = {}, samples } = options;
  for (const [name, value] of Object.entries(names))
    if (typeof value !== "string" || value === "") throw checks.wrong(name, "the name of a model", value);
  if (temperature !== undefined && !Number.isFinite(temperature))
    throw checks.wrong("temperature", "a number", temperature);
  if (samples !== undefined && !kinds.includes(samples as string))
    throw checks.wrong("samples", kinds.map((kind) => JSON.stringify(kind)).join(" or "), samples);
  for (const name of fields)
    if (settings[name] !== undefined) throw checks.error(`settings.${name} is not one of the further fields.`);
}

/** Whose samples these are. What is not given is not in it, so that it is the same whether or not a program knows of it. */
export function providerIdentity(
  operation: string,
  model: string,
  { temperature, settings = {} }: Pick<ProviderSamplerOptions, "temperature" | "settings">,
): SamplerIdentity {
  const all = { ...settings, ...(temperature === undefined ? {} : { temperature }) };
  return { operation, model, ...(Object.keys(all).length === 0 ? {} : { settings: all }) };
}
