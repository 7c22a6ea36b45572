import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { GatewayOptions } from "./gateway-options.ts";
import { closeServer, connectionsOf } from "./closing.ts";
import { Service } from "./service.ts";

/** A server that answers from the cache, and asks upstreams for the rest. */
export interface Gateway {
  /** Not listening yet: `gateway.server.listen(port, host)`. */
  readonly server: Server;
  /**
   * Takes no more connections, lets answers and streams under way end for `graceMs` (default 10 s), breaks off what is left then, and
   * waits until what they gave is written. Cache and store are closed by whoever made them, afterwards. Calling it again gives the same promise.
   */
  close(graceMs?: number): Promise<void>;
}

const DEFAULT_GRACE_MS = 10_000;
const DEFAULT_HEADERS_TIMEOUT_MS = 60_000;
/** How often time-outs are looked at. */
const MOST_CHECKED_MS = 30_000;
/** What is sent within this time is 1 GB at less than 2 MB/s. */
const REQUEST_TIMEOUT_MS = 600_000;
/** Longer than those of load balancers, which would find connections closed otherwise. */
const KEEP_ALIVE_MS = 75_000;

/**
 * A server that answers what the wire formats of OpenAI, Anthropic and Google know from the cache, and passes everything else on to its
 * upstream untouched.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming the option that is not what it may be.
 */
export function createGateway(options: GatewayOptions): Gateway {
  const service = new Service(options);
  const { headersTimeoutMs = DEFAULT_HEADERS_TIMEOUT_MS } = options;
  const server = createServer({
    headersTimeout: headersTimeoutMs,
    // Whether a body still comes is watched besides.
    requestTimeout: Math.max(REQUEST_TIMEOUT_MS, headersTimeoutMs),
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval:
      headersTimeoutMs === 0 ? MOST_CHECKED_MS : Math.min(MOST_CHECKED_MS, Math.max(100, headersTimeoutMs / 2)),
  });
  const connections = connectionsOf(server);
  server.on("request", (request: IncomingMessage, response: ServerResponse) => service.serve(request, response, false));
  server.on("checkContinue", (request: IncomingMessage, response: ServerResponse) =>
    service.serve(request, response, true),
  );
  const close = async (graceMs: number): Promise<void> => {
    service.drain();
    await closeServer(server, connections, graceMs);
    service.close();
    await options.cache.settled();
  };
  let closing: Promise<void> | undefined;
  return { server, close: (graceMs = DEFAULT_GRACE_MS) => (closing ??= close(graceMs)) };
}
