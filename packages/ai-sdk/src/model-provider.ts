import { CREDENTIAL_PARAMETERS } from "@llmcache/core";

/** What models of the AI SDK's own provider packages know of where they ask; the specification does not show it. */
interface ModelConfig {
  readonly baseURL?: unknown;
  /** As the packages for Bedrock call it. */
  readonly baseUrl?: unknown;
  readonly url?: unknown;
  readonly headers?: unknown;
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

/** The headers that a model was made with, where it shows them and has them at once. */
export function headersOf(model: AnyModel): Readonly<Record<string, string | undefined>> | undefined {
  try {
    const headers = called(configOf(model)?.headers);
    if (headers instanceof Promise) headers.catch(() => undefined);
    return typeof headers === "object" && headers !== null && !("then" in headers)
      ? (headers as Readonly<Record<string, string | undefined>>)
      : undefined;
  } catch {
    return undefined;
  }
}

function baseURL(model: AnyModel): string | undefined {
  try {
    const config = configOf(model);
    if (config === undefined) return undefined;
    const given: unknown =
      typeof config.url === "function"
        ? (config.url as (at: object) => unknown)({ path: "", modelId: model.modelId })
        : called(config.baseURL ?? config.baseUrl);
    return typeof given === "string" ? withoutCredentials(new URL(given)) : undefined;
  } catch {
    // It is somebody's private matter: what cannot be had is not there.
    return undefined;
  }
}

function configOf(model: AnyModel): ModelConfig | undefined {
  const { config } = model as { readonly config?: ModelConfig | null };
  return typeof config === "object" && config !== null ? config : undefined;
}

function called(value: unknown): unknown {
  return typeof value === "function" ? (value as () => unknown)() : value;
}

function withoutCredentials(url: URL): string {
  const query = [...url.searchParams].filter(([name]) => !CREDENTIAL_PARAMETERS.has(name.toLowerCase()));
  const search = query.length === 0 ? "" : `?${new URLSearchParams(query).toString()}`;
  return `${url.origin}${url.pathname.replace(/\/+$/, "")}${search}`;
}
