import type { WireRequest } from "@llmcache/fetch";

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

const LAST_SLASHES = /\/+$/;

/** The path before the endpoint; `undefined` if this is no request to it. */
function basePath({ method, url }: WireRequest, endpoint: string): string | undefined {
  if (method !== "POST") return undefined;
  const { pathname } = url;
  const path = pathname.endsWith("/") ? pathname.replace(LAST_SLASHES, "") : pathname;
  return path.endsWith(endpoint) ? path.slice(0, path.length - endpoint.length) : undefined;
}

/** Does this request go to the endpoint? */
export function goesTo(request: WireRequest, endpoint: string): boolean {
  return basePath(request, endpoint) !== undefined;
}

/**
 * Who answers: origin and path before the endpoint, and what else the query says (the API version); without user name, password
 * and credentials. `undefined` if this is no request to the endpoint.
 */
export function providerOf(request: WireRequest, endpoint: string): string | undefined {
  const base = basePath(request, endpoint);
  return base === undefined ? undefined : `${request.url.origin}${base}${countedQuery(request.url)}`;
}

/** In one order; parameters of one name stay in theirs. */
function countedQuery(url: URL): string {
  if (url.search === "") return "";
  const query = [...url.searchParams].filter(([name]) => !CREDENTIALS.has(name.toLowerCase()));
  if (query.length === 0) return "";
  return `?${new URLSearchParams(query.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))).toString()}`;
}

/** The deployment that an Azure path names: the model, there. */
export function deploymentOf(request: WireRequest, endpoint: string): string | undefined {
  const name = /\/deployments\/([^/]+)(?:\/extensions)?$/.exec(basePath(request, endpoint) ?? "")?.[1];
  return name === undefined ? undefined : decodeURIComponent(name);
}

/** Hosts where a model's name is that of a deployment, also in the body. */
const AZURE = /\.(?:openai|services\.ai|cognitiveservices)\.azure\.(?:com|us|cn)$/;

export function isAzure(url: URL): boolean {
  return AZURE.test(url.hostname);
}
