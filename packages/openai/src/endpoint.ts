import { countedQuery, plainPath, type WireRequest } from "@llmcache/fetch";

/** The path before the endpoint; `undefined` if this is no request to it. */
function basePath({ method, url }: WireRequest, endpoint: string): string | undefined {
  if (method !== "POST") return undefined;
  const path = plainPath(url);
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
