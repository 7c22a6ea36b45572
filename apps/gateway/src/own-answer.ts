import type { IncomingMessage, ServerResponse } from "node:http";
import { isLLMCacheError } from "@llmcache/core";
import { withoutSecrets } from "./secrets.ts";

/** What an endpoint of the gateway's own refuses with. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  /** Which field is wrong, where one is. */
  readonly field: string | undefined;

  constructor(status: number, code: string, message: string, field?: string) {
    super(message);
    this.status = status;
    this.code = code;
    this.field = field;
  }
}

/** 400 for a field that is not what it may be; the message begins with its name. */
export function wrongField(field: string, right: string): Refusal {
  return new Refusal(400, "ERR_LLMCACHE_OPTION", `${field} ${right}`, field);
}

/** Nothing that the gateway says of itself is kept by anybody. */
export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  sendText(response, status, "application/json", `${JSON.stringify(value)}\n`);
}

export function sendText(response: ServerResponse, status: number, type: string, text: string): void {
  response.writeHead(status, {
    "content-type": type,
    "content-length": Buffer.byteLength(text),
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
  });
  response.end(response.req.method === "HEAD" ? undefined : text);
}

/**
 * In the shape that providers' clients read; nothing if an answer has begun, which is cut off then. What is secret in the URLs is left out.
 */
export function sendFailure(response: ServerResponse, error: unknown, urls: readonly string[] = []): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const { status, code, message, field = null } = described(error, urls);
  if (status === 401) response.setHeader("www-authenticate", 'Bearer realm="llmcache admin"');
  sendJson(response, status, { error: { message, type: "llmcache", code, param: field } });
}

/** As it may be told to whoever asked. */
export function described(
  error: unknown,
  urls: readonly string[],
): {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly field?: string | undefined;
} {
  if (error instanceof Refusal) return error;
  if (!isLLMCacheError(error)) return { status: 500, code: "internal", message: "The gateway failed to answer this." };
  const { code } = error;
  const message = withoutSecrets(error.message, urls);
  if (code === "ERR_LLMCACHE_OPTION") return { status: 400, code, message };
  return { status: code === "ERR_LLMCACHE_UNSUPPORTED" ? 501 : 503, code, message };
}

/** @throws Refusal 405 */
export function allowOnly(request: IncomingMessage, response: ServerResponse, ...methods: readonly string[]): void {
  const { method = "GET" } = request;
  if (methods.includes(method) || (method === "HEAD" && methods.includes("GET"))) return;
  response.setHeader("allow", methods.includes("GET") ? ["HEAD", ...methods].join(", ") : methods.join(", "));
  throw new Refusal(405, "method_not_allowed", `${method} is not possible here; ${methods.join(" and ")} is.`);
}

/** Aborted when whoever asked has gone. */
export function goneSignal(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  response.once("close", () => {
    if (!response.writableFinished) gone.abort(new DOMException("The client closed the connection.", "AbortError"));
  });
  return gone.signal;
}
