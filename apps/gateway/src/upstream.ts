import { isBaseURL } from "./base-url.ts";
import { ConfigurationError, type Effective, type UpstreamInput } from "./configuration.ts";
import { required, variable, type Environment } from "./environment.ts";
import type { Api, Upstream } from "./gateway-options.ts";

/** Where the providers are, and which variables their own SDKs read. */
const PROVIDERS: readonly {
  readonly api: Api;
  readonly url: string;
  readonly base: string;
  readonly keys: string[];
}[] = [
  { api: "openai", url: "https://api.openai.com/v1", base: "OPENAI_BASE_URL", keys: ["OPENAI_API_KEY"] },
  { api: "anthropic", url: "https://api.anthropic.com", base: "ANTHROPIC_BASE_URL", keys: ["ANTHROPIC_API_KEY"] },
  {
    api: "google",
    url: "https://generativelanguage.googleapis.com",
    base: "GOOGLE_GEMINI_BASE_URL",
    // The order of Google's own SDK.
    keys: ["GOOGLE_API_KEY", "GEMINI_API_KEY"],
  },
];

/** Upstreams in the words of a configuration, and what they are. */
export interface ChosenUpstreams {
  /** `undefined`: a made-up model, because no provider is configured. */
  readonly upstreams: readonly Upstream[] | undefined;
  readonly shown: readonly UpstreamInput[] | undefined;
  /** Where the shown ones come from, by index. */
  readonly sources: readonly string[];
}

/**
 * The upstreams of the configuration, else the three providers with the variables that their SDKs read; a demo where none of those is set.
 *
 * @throws ConfigurationError for a variable that is not set or no URL, and for two upstreams of one name.
 */
export function chooseUpstreams(configuration: Effective, env: Environment): ChosenUpstreams {
  const given = configuration.values.upstreams;
  return given === undefined ? fromEnvironment(env) : fromConfiguration(given, configuration, env);
}

function fromConfiguration(
  given: readonly UpstreamInput[],
  { subject, source }: Effective,
  env: Environment,
): ChosenUpstreams {
  const upstreams = given.map((upstream, index): Upstream => {
    const first = given.findIndex(({ name }) => name === upstream.name);
    if (first < index)
      throw new ConfigurationError(
        `${subject(["upstreams", index, "name"])} is ${upstream.name}, as that of upstreams[${first}]: names are unique.`,
      );
    const api = upstream.api ?? PROVIDERS.find((provider) => provider.api === upstream.name)?.api;
    if (api === undefined)
      throw new ConfigurationError(
        `${subject(["upstreams", index, "api"])} is missing; it must be one of openai, anthropic, google.`,
      );
    const apiKey =
      upstream.apiKeyEnv === undefined
        ? undefined
        : keyOf(env, upstream.apiKeyEnv, subject(["upstreams", index, "apiKeyEnv"]));
    return {
      name: upstream.name,
      api,
      baseURL: upstream.baseURL ?? urlOf(api),
      apiKey,
      provider: upstream.provider,
      models: upstream.models,
      countedHeaders: upstream.countedHeaders,
      path: upstream.path,
    };
  });
  const shown = given.map((each, index): UpstreamInput => {
    const { name, api, baseURL } = upstreams[index] as Upstream;
    return { ...each, name, api, baseURL };
  });
  return { upstreams, shown, sources: given.map((_, index) => source(["upstreams", index])) };
}

function fromEnvironment(env: Environment): ChosenUpstreams {
  const found = PROVIDERS.map(({ api, url, base, keys }) => {
    const baseURL = variable(env, base);
    if (baseURL !== undefined && !isBaseURL(baseURL))
      throw new ConfigurationError(`${base} must be a URL such as ${url}, without user, password and parameters.`);
    const keyName = keys.find((name) => variable(env, name) !== undefined);
    return { api, baseURL: baseURL ?? url, keyName, set: [baseURL === undefined ? undefined : base, keyName] };
  });
  if (found.every(({ set }) => set.every((name) => name === undefined)))
    return { upstreams: undefined, shown: undefined, sources: [] };
  return {
    upstreams: found.map(({ api, baseURL, keyName }) => ({
      name: api,
      api,
      baseURL,
      apiKey: keyName === undefined ? undefined : keyOf(env, keyName, keyName),
    })),
    shown: found.map(({ api, baseURL, keyName }) => ({ name: api, api, baseURL, apiKeyEnv: keyName })),
    sources: found.map(({ set }) => set.filter((name) => name !== undefined).join(", ") || "default"),
  };
}

function urlOf(api: Api): string {
  return PROVIDERS.find((provider) => provider.api === api)?.url ?? "";
}

/** A key that a header can hold. @throws ConfigurationError that does not repeat it */
function keyOf(env: Environment, name: string, subject: string): string {
  const key = required(env, name, subject);
  if (/^[\x21-\x7e]+$/.test(key)) return key;
  throw new ConfigurationError(
    `${subject === name ? name : `${subject}: ${name}`} must be one key of ASCII characters, without white space and line breaks.`,
  );
}
