import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { isLLMCacheError, type LLMCache } from "@llmcache/core";
import { cachedFetch, controlFromHeaders, type WireFormat } from "@llmcache/fetch";
import { openAIFormats } from "@llmcache/openai";
import { refusal } from "./guard.ts";
import { forwardedHeaders, returnedHeaders } from "./proxy-headers.ts";
import { tenantOf } from "./tenant.ts";

/** Where the gateway sends what it cannot answer. */
export interface GatewayUpstream {
  /** `https://api.openai.com/v1`: what `/v1` of the gateway stands for. */
  readonly baseURL: string;
  /** Sent for callers who bring no credential of their own. */
  readonly apiKey?: string | undefined;
  /** Names the provider in keys, in the place of its base URL. */
  readonly provider?: string | undefined;
}

/** Options of {@link createGateway}. */
export interface GatewayOptions {
  readonly cache: LLMCache;
  readonly upstream: GatewayUpstream;
  /**
   * Longest body of a request that may be answered from the cache, in bytes; longer ones are answered with 413. Bodies of other
   * requests are passed on as they come, of any length. @default 64 MiB
   */
  readonly maxBodyBytes?: number | undefined;
}

const DEFAULT_MAX_BODY_BYTES = 64 * 1024 * 1024;

class TooLarge extends Error {}

/**
 * A server, not listening yet, that answers what {@link openAIFormats} knows from the cache and passes everything else on to the
 * upstream untouched. Each credential has a namespace of its own. Whoever calls it closes the server, then the cache, then the store.
 */
export function createGateway(options: GatewayOptions): Server {
  const { cache, upstream, maxBodyBytes = DEFAULT_MAX_BODY_BYTES } = options;
  const formats = openAIFormats({ provider: upstream.provider });
  const ask = cachedFetch(cache, { formats });

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const refused = refusal(request.headers);
    if (refused !== undefined) return sendError(response, 403, "forbidden", refused);
    const wrong = wrongControl(request);
    if (wrong !== undefined) return sendError(response, 400, "ERR_LLMCACHE_OPTION", wrong);
    const gone = new AbortController();
    response.once("close", () => gone.abort(new DOMException("The client closed the connection.", "AbortError")));
    try {
      const target = new URL(targetOf(upstream.baseURL, request.url ?? "/"));
      const init: RequestInit = {
        method: request.method ?? "GET",
        headers: forwardedHeaders(request.headers, upstream.apiKey),
        redirect: "manual",
        signal: gone.signal,
        ...(await bodyOf(request, isKnown(formats, target, request) ? maxBodyBytes : undefined)),
      };
      const answer = await cache.run({ namespace: tenantOf(request.headers) }, () => ask(target, init));
      await send(response, answer, request.method === "HEAD");
    } catch (error) {
      if (gone.signal.aborted) return;
      if (response.headersSent) response.destroy();
      else if (error instanceof TooLarge)
        sendError(response, 413, "too_large", `The body is longer than ${maxBodyBytes} bytes.`);
      else sendError(response, 502, "upstream_unreachable", `The upstream could not be reached: ${reasonOf(error)}`);
    }
  };
  return createServer((request, response) => void handle(request, response));
}

/** `/v1/…` is the upstream's base; any other path stands below its origin. */
function targetOf(baseURL: string, path: string): string {
  const base = baseURL.replace(/\/+$/, "");
  return /^\/v1(?=[/?]|$)/.test(path)
    ? `${base}${path.slice("/v1".length)}`
    : new URL(path.replace(/^\/+/, "/"), base).href;
}

/** May the cache have an answer to it? */
function isKnown(formats: readonly WireFormat[], url: URL, { method = "GET" }: IncomingMessage): boolean {
  const wire = { method, url, headers: new Headers() };
  return formats.some((format) => format.knows(wire));
}

/** In one piece of so many bytes at most, or (without a limit) as it comes. */
async function bodyOf(request: IncomingMessage, maxBytes: number | undefined): Promise<RequestInit> {
  if (request.method === "GET" || request.method === "HEAD") return {};
  if (maxBytes === undefined) {
    const body: unknown = Readable.toWeb(request);
    return { body: body as NonNullable<RequestInit["body"]>, duplex: "half" };
  }
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.byteLength;
    if (length > maxBytes) throw new TooLarge();
    chunks.push(chunk);
  }
  return { body: Buffer.concat(chunks) as Uint8Array<ArrayBuffer> };
}

async function send(response: ServerResponse, answer: Response, headOnly: boolean): Promise<void> {
  // A stored answer has no reason phrase: then Node's own stands there.
  if (answer.statusText !== "") response.statusMessage = answer.statusText;
  response.writeHead(answer.status, returnedHeaders(answer.headers));
  if (answer.body === null || headOnly) {
    await answer.body?.cancel();
    response.end();
    return;
  }
  response.flushHeaders();
  await pipeline(Readable.fromWeb(answer.body as import("node:stream/web").ReadableStream<Uint8Array>), response);
}

/** A control that nobody can follow is the caller's mistake: he should know. */
function wrongControl(request: IncomingMessage): string | undefined {
  try {
    const cacheControl = request.headers["cache-control"];
    controlFromHeaders(new Headers(cacheControl === undefined ? {} : { "cache-control": cacheControl }));
    return undefined;
  } catch (error) {
    return isLLMCacheError(error) ? error.message : String(error);
  }
}

/** In the shape that providers' clients read. */
function sendError(response: ServerResponse, status: number, code: string, message: string): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify({ error: { message, type: "llmcache", code, param: null } }));
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return cause instanceof Error ? ((cause as NodeJS.ErrnoException).code ?? cause.message) : String(cause);
}
