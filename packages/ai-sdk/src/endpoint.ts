/** Query parameters that carry credentials: never part of an identity. */
const CREDENTIALS: ReadonlySet<string> = new Set([
  "api-key",
  "api_key",
  "apikey",
  "x-api-key",
  "key",
  "subscription-key",
  "access_token",
  "access-token",
  "token",
  "auth",
  "authorization",
  "code",
  "sig",
  "signature",
]);

/** What models of the AI SDK's own provider packages know of where they ask; the specification does not show it. */
interface ModelConfig {
  readonly baseURL?: unknown;
  readonly url?: unknown;
}

/** A model, as far as it tells who it is. */
export interface AnyModel {
  readonly provider: string;
  readonly modelId: string;
}

const known: WeakMap<object, string> = new WeakMap<object, string>();

/**
 * Who answers: the provider's name, and its base URL where the model shows one, without credentials. Two providers of one name at two
 * addresses may give different answers.
 */
export function providerOf(model: AnyModel): string {
  let provider = known.get(model);
  if (provider === undefined) {
    const base = baseURL(model);
    provider = base === undefined ? model.provider : `${model.provider} ${base}`;
    known.set(model, provider);
  }
  return provider;
}

function baseURL(model: AnyModel): string | undefined {
  try {
    const { config } = model as { readonly config?: ModelConfig | null };
    if (typeof config !== "object" || config === null) return undefined;
    const given: unknown =
      typeof config.url === "function"
        ? (config.url as (at: object) => unknown)({ path: "", modelId: model.modelId })
        : typeof config.baseURL === "function"
          ? (config.baseURL as () => unknown)()
          : config.baseURL;
    return typeof given === "string" ? withoutCredentials(new URL(given)) : undefined;
  } catch {
    // It is somebody's private matter: what cannot be had is not there.
    return undefined;
  }
}

function withoutCredentials(url: URL): string {
  const query = [...url.searchParams].filter(([name]) => !CREDENTIALS.has(name.toLowerCase()));
  const search = query.length === 0 ? "" : `?${new URLSearchParams(query).toString()}`;
  return `${url.origin}${url.pathname.replace(/\/+$/, "")}${search}`;
}
