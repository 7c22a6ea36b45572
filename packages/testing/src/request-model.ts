import type { RecordedRequest } from "./recorded-request.ts";

const DEFAULT_MODEL = "model-server";

/** The model that a request asks: the one in its body, or the deployment in Azure's path. */
export function modelOf(request: RecordedRequest, model: unknown): string {
  if (typeof model === "string") return model;
  return /\/deployments\/([^/]+)\//.exec(request.path)?.[1] ?? DEFAULT_MODEL;
}
