import { createHash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

/** Headers that callers identify themselves by. */
const CREDENTIAL_HEADERS = ["authorization", "api-key", "x-api-key", "x-goog-api-key"] as const;

/**
 * The outermost namespace of a caller: a digest of the credential that was sent, so that callers with different ones never share
 * an entry. Callers without any share one namespace. The credential itself is neither stored nor logged.
 */
export function tenantOf(headers: IncomingHttpHeaders): string {
  const credentials = CREDENTIAL_HEADERS.map((name) => String(headers[name] ?? ""));
  if (credentials.every((credential) => credential === "")) return "anonymous";
  return createHash("sha256")
    .update(JSON.stringify(["llmcache-tenant", ...credentials]))
    .digest("hex")
    .slice(0, 32);
}
