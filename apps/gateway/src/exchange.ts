import type { IncomingMessage, ServerResponse } from "node:http";
import type { Outcome } from "@llmcache/core";
import { sendApiError } from "./api-error.ts";
import type { Api, RequestRecord } from "./gateway-options.ts";
import { apiOf } from "./routing.ts";

/** A segment that is one or two dots, also encoded, or a backslash, which URLs take for a slash; not in the query. */
const LEADS_UPWARDS = /^[^?]*(?:\\|\/(?:\.|%2e){1,2}(?:[/?#]|$))/i;

/** What stands for the status where the client left before there was one, as in the logs of other proxies. */
const CLIENT_LEFT = 499;

/** One request and its answer, and what is to be told of it. */
export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Does the client wait for `100 Continue` before it sends its body? */
  readonly isAwaited: boolean;
  upstream: string | undefined;
  operation: string | undefined;
  cache: RequestRecord["cache"] = "none";
  bytesIn = 0;
  bytesOut = 0;
  #api: Api | undefined;
  readonly #startedAt: number = performance.now();

  constructor(request: IncomingMessage, response: ServerResponse, isAwaited: boolean) {
    this.request = request;
    this.response = response;
    this.isAwaited = isAwaited;
  }

  /**
   * Path and query; `undefined` for a target that has none (`*`), and for a path that leads upwards: it would name another place to an upstream
   * than here.
   */
  get path(): string | undefined {
    const { url = "/" } = this.request;
    // Proxies ask for whole URLs.
    const path = url.startsWith("/") ? url : /^https?:\/\/[^/?#]+(\/[^#]*)/i.exec(url)?.[1];
    return path === undefined || LEADS_UPWARDS.test(path) ? undefined : path;
  }

  /** Whose errors the client reads. */
  get api(): Api {
    return (this.#api ??= apiOf(this.path ?? "/", this.request.headers));
  }

  set api(api: Api) {
    this.#api = api;
  }

  /** The body may come now. */
  proceed(): void {
    if (this.isAwaited && !this.response.headersSent) this.response.writeContinue();
  }

  fail(status: number, code: string, message: string): void {
    const { response } = this;
    // The body that was announced may or may not follow.
    if (this.isAwaited && !response.headersSent) response.setHeader("connection", "close");
    this.bytesOut += sendApiError(response, this.api, status, code, message);
  }

  /** After the answer. */
  get record(): RequestRecord {
    const { upstream, operation, cache, bytesIn, bytesOut, response } = this;
    const status = response.headersSent ? response.statusCode : CLIENT_LEFT;
    return { upstream, operation, status, cache, durationMs: performance.now() - this.#startedAt, bytesIn, bytesOut };
  }
}

/** How an answer came about that may be put together of several. */
export function cacheState(outcomes: readonly Outcome<unknown>[] | undefined): RequestRecord["cache"] {
  const states = new Set(outcomes?.map(({ status }) => status));
  return (["bypass", "miss", "joined", "stale", "hit"] as const).find((state) => states.has(state)) ?? "none";
}
