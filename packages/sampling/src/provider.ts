export { HTTP_FAILURES } from "./http-failures.ts";
export { withCost } from "./provider-cost.ts";
export {
  checkProviderOptions,
  providerIdentity,
  type ProviderSamplerOptions,
  type ProviderSamplerRules,
} from "./provider-options.ts";
export { promptFields, type PromptRules } from "./provider-prompt.ts";
export { retrying, type FailureRules, type Retry, type RetryOptions } from "./retry.ts";
export { retryAfterMs } from "./retry-after.ts";
