import type { IncomingMessage, ServerResponse } from "node:http";
import { isLLMCacheError, LLMCacheError, type CacheControl, type LLMCache } from "@llmcache/core";
import {
  cachedFetch,
  outcomesOf,
  patientFetch,
  type ArrivedRequest,
  type CachedFetch,
  type WireFormat,
} from "@llmcache/fetch";
import { cacheErrorBody } from "./api-error.ts";
import { formatsOf, KnownPaths } from "./api-formats.ts";
import { modelIn } from "./asked-model.ts";
import { forbidden, headerControl, namesOf, splitBody } from "./caller-controls.ts";
import { isBaseURL } from "./base-url.ts";
import { byCredential } from "./by-credential.ts";
import { cacheState, Exchange } from "./exchange.ts";
import type { Caller, GatewayOptions, OwnEndpoint, Upstream } from "./gateway-options.ts";
import { guard, type Guard } from "./guard.ts";
import { aroundOf, Hits, sendHit, type KnownRequest } from "./hits.ts";
import { forwardedHeaders, withoutParameter } from "./proxy-headers.ts";
import { collectBody, hasBody, passBody, StallWatch, type BodyTrouble } from "./request-body.ts";
import { providerFor } from "./provider-name.ts";
import { Routes, targetOf, type Way } from "./routing.ts";
import { sendAnswer } from "./send-answer.ts";

const DEFAULT_MAX_BODY_BYTES = 64 * 1024 * 1024;
const DEFAULT_BODY_TIMEOUT_MS = 60_000;
/** Longer bodies of requests that the cache knows nothing of are not looked into for controls. */
const MAX_LOOKED_INTO = 4 * 1024 * 1024;
const JSON_TYPE = /[/+]json$/i;
/** Askers for paths that are not the usual ones. */
const MAX_ASKERS = 100;
const HEADER_TEXT = /^[\x21-\x7e]+$/;
const KEY_PARAMETER = "?key";

/** Asks one upstream, through the cache. */
interface Asker {
  readonly formats: readonly WireFormat[];
  readonly ask: CachedFetch;
}

/** One request on its way. */
interface Asking {
  readonly exchange: Exchange;
  readonly caller: Caller;
  readonly way: Way;
}

/** What the gateway does with requests: refuses them, answers them itself, from the cache, or from an upstream. */
export class Service {
  readonly #cache: LLMCache;
  readonly #identify: NonNullable<GatewayOptions["identify"]>;
  readonly #observe: GatewayOptions["observe"];
  readonly #guard: Guard;
  readonly #routes: Routes;
  readonly #askers: ReadonlyMap<Upstream, Asker>;
  /** By what the upstream is called in keys. */
  readonly #otherAskers: Map<string, Asker> = new Map<string, Asker>();
  readonly #paths: KnownPaths = new KnownPaths();
  readonly #hits: Hits;
  readonly #watch: StallWatch;
  readonly #maxBodyBytes: number;
  readonly #ownPaths: ReadonlyMap<string, OwnEndpoint>;
  readonly #ownFolders: readonly OwnEndpoint[];
  #isDraining = false;

  constructor(options: GatewayOptions) {
    const { cache, upstreams, endpoints = [] } = options;
    if (upstreams.length === 0) throw wrong("upstreams must have at least one upstream.");
    for (const { name, baseURL, apiKey } of upstreams) {
      if (!isBaseURL(baseURL))
        throw wrong(
          `baseURL of upstream ${JSON.stringify(name)} must be a URL with http or https, and without user name, password, query and fragment.`,
        );
      if (apiKey !== undefined && !HEADER_TEXT.test(apiKey))
        throw wrong(`apiKey of upstream ${JSON.stringify(name)} must be a text that a header can hold.`);
    }
    this.#cache = cache;
    this.#identify = options.identify ?? byCredential();
    this.#observe = options.observe;
    this.#guard = guard(options.hosts);
    this.#routes = new Routes(upstreams);
    this.#askers = new Map(upstreams.map((upstream) => [upstream, askerFor(cache, upstream)]));
    this.#hits = new Hits(cache);
    this.#watch = new StallWatch(options.bodyTimeoutMs ?? DEFAULT_BODY_TIMEOUT_MS);
    this.#maxBodyBytes = options.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES;
    this.#ownPaths = new Map(endpoints.filter(({ path }) => !path.endsWith("/")).map((each) => [each.path, each]));
    this.#ownFolders = endpoints.filter(({ path }) => path.endsWith("/"));
  }

  /** From now on connections end with their answers. */
  drain(): void {
    this.#isDraining = true;
  }

  close(): void {
    this.#watch.close();
  }

  /** `isAwaited`: the client sends its body when it is told to. */
  serve(request: IncomingMessage, response: ServerResponse, isAwaited: boolean): void {
    const exchange = new Exchange(request, response, isAwaited);
    if (this.#isDraining) response.setHeader("connection", "close");
    try {
      this.#serve(exchange);
    } catch (error) {
      exchange.fail(500, "internal", "The gateway failed to answer this.");
      this.#tell(exchange);
      void error;
    }
  }

  #serve(exchange: Exchange): void {
    const { request } = exchange;
    const { headers, method = "GET" } = request;
    const refused = this.#guard(headers);
    if (refused !== undefined) return this.#refuse(exchange, 403, "forbidden", refused);
    const { path: asked } = exchange;
    if (asked === undefined)
      return this.#refuse(
        exchange,
        400,
        "bad_target",
        "The request's target must be a path, and none that leads upwards.",
      );
    const own = this.#ownEndpoint(asked);
    if (own?.isOpen === true) return this.#own(exchange, own, asked);
    const caller = this.#identify(headers, asked);
    if (caller === undefined) {
      exchange.response.setHeader("www-authenticate", "Bearer");
      return this.#refuse(exchange, 401, "unauthorized", "This gateway takes requests with one of its keys only.");
    }
    if (own !== undefined) return this.#own(exchange, own, asked);
    const path = caller.spent.includes(KEY_PARAMETER) ? withoutParameter(asked, "key") : asked;
    const way = this.#routes.wayFor(path, headers);
    exchange.api = way.api;
    if ("message" in way) return this.#refuse(exchange, 404, "not_found", way.message);
    if (method === "TRACE") return this.#refuse(exchange, 405, "method_not_allowed", "TRACE is not passed on.");
    const asking: Asking = { exchange, caller, way };
    exchange.operation = this.#paths.operationAt(way.api, method, way.path);
    if (exchange.operation === undefined) return void this.#passOn(asking);
    collectBody(request, this.#maxBodyBytes, this.#watch, (body) => {
      if (Buffer.isBuffer(body)) void this.#answer(asking, body);
      else this.#unread(exchange, body);
    });
    exchange.proceed();
  }

  // --- What the cache may have an answer to --------------------------------------------------------------------------

  /** Never rejects. */
  async #answer(asking: Asking, body: Buffer): Promise<void> {
    const { exchange, caller, way } = asking;
    const { request, response } = exchange;
    exchange.bytesIn = body.byteLength;
    const arrived: ArrivedRequest = {
      method: "POST",
      url: request.url ?? "/",
      headers: request.headers,
      body,
      around: aroundOf(way.api, caller),
    };
    const known = this.#hits.find(arrived);
    if (known === undefined || forbidden(caller, known.controls) !== undefined) return this.#ask(asking, body, arrived);
    const outcome = await this.#lookUp(known);
    if (outcome === undefined) {
      this.#hits.forget(arrived, known);
      return this.#ask(asking, body, arrived);
    }
    exchange.upstream = known.upstream.name;
    if (!response.destroyed) {
      exchange.cache = "hit";
      exchange.bytesOut = sendHit(response, known, outcome);
    }
    this.#tell(exchange);
  }

  /** Whatever there is to say but a hit, the long way says. */
  async #lookUp(known: KnownRequest): ReturnType<KnownRequest["lookup"]> {
    try {
      return await known.lookup();
    } catch {
      return undefined;
    }
  }

  /** The long way: through `cachedFetch`. `arrived`: the request may come again. */
  async #ask(asking: Asking, body: Buffer, arrived: ArrivedRequest | undefined): Promise<void> {
    const { exchange, caller, way } = asking;
    const { request } = exchange;
    const contentType = request.headers["content-type"];
    await this.#attempt(exchange, async (signal) => {
      const upstream = this.#choose(asking, way.model ?? this.#modelIn(way, body, contentType));
      if (upstream === undefined) return;
      const target = new URL(targetOf(upstream, way.path));
      const headers = forwardedHeaders(request.headers, caller.spent, upstream, target);
      const split = splitBody(body, way.api);
      if (!this.#mayUse(asking, { ...headerControl(headers), ...split.control })) return;
      const { ask, formats } = this.#askerFor(upstream, way, target);
      const { method = "GET" } = request;
      const answer = await this.#cache.run({ namespace: caller.namespace }, () =>
        ask(target, {
          method,
          headers,
          redirect: "manual",
          signal,
          ...(method === "GET" || method === "HEAD" ? {} : { body: split.body as Uint8Array<ArrayBuffer> }),
          ...(split.control === undefined ? {} : { llmcache: split.control }),
        }),
      );
      await this.#send(exchange, answer);
      if (arrived === undefined) return;
      const wire = { method, url: target, headers };
      this.#hits.learn(
        arrived,
        { wire, body: split.body, formats, control: split.control ?? {} },
        upstream,
        caller,
        answer,
      );
    });
  }

  // --- What it cannot have an answer to ------------------------------------------------------------------------------

  async #passOn(asking: Asking): Promise<void> {
    const { exchange, way } = asking;
    const { request } = exchange;
    const { headers } = request;
    // That of GET and HEAD means nothing (RFC 9110, section 9.3.1), and `fetch` sends none.
    if (!hasBody(request) || request.method === "GET" || request.method === "HEAD")
      return this.#stream(asking, undefined);
    // The model, and what is asked of the cache, may stand in there.
    const [type = ""] = (headers["content-type"] ?? "").split(";", 1);
    const isJson = JSON_TYPE.test(type.trim());
    const length = Number(headers["content-length"] ?? Number.POSITIVE_INFINITY);
    if (!isJson || (length > MAX_LOOKED_INTO && !this.#routes.needsModel(way))) return this.#stream(asking, request);
    collectBody(request, this.#maxBodyBytes, this.#watch, (body) => {
      if (!Buffer.isBuffer(body)) return this.#unread(exchange, body);
      exchange.bytesIn = body.byteLength;
      void this.#ask(asking, body, undefined);
    });
    exchange.proceed();
  }

  /** Body and answer as they come. */
  async #stream(asking: Asking, body: IncomingMessage | undefined): Promise<void> {
    const { exchange, caller, way } = asking;
    const { request } = exchange;
    await this.#attempt(exchange, async (signal) => {
      const upstream = this.#choose(asking, way.model);
      if (upstream === undefined) return;
      const target = new URL(targetOf(upstream, way.path));
      const headers = forwardedHeaders(request.headers, caller.spent, upstream, target);
      if (!this.#mayUse(asking, headerControl(headers))) return;
      const length = request.headers["content-length"];
      if (body !== undefined && length !== undefined) headers.set("content-length", length);
      exchange.proceed();
      const { ask } = this.#askers.get(upstream) as Asker;
      const { method = "GET" } = request;
      const passed = body && passBody(body, this.#watch, (bytes) => (exchange.bytesIn += bytes));
      try {
        const answer = await ask(target, {
          method,
          headers,
          redirect: "manual",
          signal,
          ...(passed === undefined ? {} : { body: passed.stream, duplex: "half" }),
        });
        await this.#send(exchange, answer);
      } finally {
        passed?.leave();
      }
    });
  }

  #askerFor(upstream: Upstream, { path }: Way, target: URL): Asker {
    const provider = providerFor(upstream, path, target);
    if (provider === upstream.provider) return this.#askers.get(upstream) as Asker;
    const key = JSON.stringify([upstream.name, provider]);
    const known = this.#otherAskers.get(key);
    if (known !== undefined) return known;
    if (this.#otherAskers.size >= MAX_ASKERS) this.#otherAskers.clear();
    const asker = askerFor(this.#cache, { ...upstream, provider });
    this.#otherAskers.set(key, asker);
    return asker;
  }

  // --- All of them ---------------------------------------------------------------------------------------------------

  /** Runs a request's way to its upstream; `signal` is aborted when its client leaves. Never rejects. */
  async #attempt(exchange: Exchange, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { response } = exchange;
    const gone = new AbortController();
    const leave = (): void => gone.abort(new DOMException("The client closed the connection.", "AbortError"));
    response.once("close", leave);
    try {
      if (!response.destroyed) await work(gone.signal);
    } catch (error) {
      if (gone.signal.aborted) return;
      if (response.headersSent) response.destroy();
      else if (isLLMCacheError(error, "ERR_LLMCACHE_OPTION")) exchange.fail(400, error.code, error.message);
      else if (isLLMCacheError(error)) exchange.fail(500, error.code, error.message);
      else exchange.fail(502, "upstream_unreachable", `The upstream could not be reached: ${reasonOf(error)}`);
    } finally {
      response.off("close", leave);
      this.#tell(exchange);
    }
  }

  #choose({ exchange, way }: Asking, model: string | undefined): Upstream | undefined {
    const chosen = this.#routes.choose(way, model);
    if ("message" in chosen) {
      exchange.fail(404, "model_not_found", chosen.message);
      return undefined;
    }
    exchange.upstream = chosen.name;
    return chosen;
  }

  #modelIn(way: Way, body: Buffer, contentType: string | undefined): string | undefined {
    return this.#routes.needsModel(way) ? modelIn(body, contentType) : undefined;
  }

  /** May the caller use these controls, and can they be followed? */
  #mayUse({ exchange, caller }: Asking, control: CacheControl): boolean {
    const name = forbidden(caller, namesOf(control));
    if (name !== undefined) {
      exchange.fail(403, "control_forbidden", `This key may not use the control ${name}.`);
      return false;
    }
    if (exchange.operation !== undefined || control.onlyIfCached !== true) return true;
    exchange.fail(504, "ERR_LLMCACHE_MISS", "Answers to this path are not cached, and only-if-cached forbids to ask.");
    return false;
  }

  #send(exchange: Exchange, answer: Response): Promise<void> {
    exchange.cache = cacheState(outcomesOf(answer));
    return sendAnswer(exchange.response, answer, (bytes) => {
      exchange.bytesOut += bytes;
    });
  }

  #unread(exchange: Exchange, trouble: BodyTrouble): void {
    const { response } = exchange;
    switch (trouble) {
      case "too-large":
        exchange.fail(413, "too_large", `The body is longer than ${this.#maxBodyBytes} bytes.`);
        break;
      case "stalled":
        if (!response.headersSent) response.setHeader("connection", "close");
        exchange.fail(408, "body_timeout", "The body stopped coming.");
        break;
      case "gone":
        break;
      default:
        trouble satisfies never;
    }
    this.#tell(exchange);
  }

  #refuse(exchange: Exchange, status: number, code: string, message: string): void {
    exchange.fail(status, code, message);
    this.#tell(exchange);
  }

  #tell(exchange: Exchange): void {
    this.#observe?.(exchange.record);
  }

  // --- The gateway's own endpoints -----------------------------------------------------------------------------------

  #ownEndpoint(path: string): OwnEndpoint | undefined {
    const query = path.indexOf("?");
    const plain = query < 0 ? path : path.slice(0, query);
    return this.#ownPaths.get(plain) ?? this.#ownFolders.find((each) => plain.startsWith(each.path));
  }

  #own(exchange: Exchange, endpoint: OwnEndpoint, path: string): void {
    const { request, response } = exchange;
    exchange.proceed();
    const url = URL.canParse(`http://gateway${path}`) ? new URL(`http://gateway${path}`) : undefined;
    if (url === undefined) return this.#refuse(exchange, 400, "bad_target", "The request's target must be a path.");
    endpoint.handle(request, response, url).then(
      () => this.#tell(exchange),
      () => {
        exchange.fail(500, "internal", "The gateway failed to answer this.");
        if (!response.writableEnded) response.destroy();
        this.#tell(exchange);
      },
    );
  }
}

function askerFor(cache: LLMCache, upstream: Upstream): Asker {
  const { api } = upstream;
  const formats = formatsOf(api, upstream);
  return { formats, ask: cachedFetch(cache, { formats, fetch: patientFetch, errorBody: cacheErrorBody(api) }) };
}

function wrong(message: string): LLMCacheError {
  return new LLMCacheError("ERR_LLMCACHE_OPTION", message);
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return cause instanceof Error ? ((cause as NodeJS.ErrnoException).code ?? cause.message) : String(cause);
}
