import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import type { LLMCache } from "@llmcache/core";

/** Wire formats that an upstream may speak. */
export type Api = "openai" | "anthropic" | "google";

/** Where the gateway sends what it cannot answer. */
export interface Upstream {
  /** For people, logs and metrics; unique. */
  readonly name: string;
  readonly api: Api;
  /** What the version in the gateway's path (`/v1`, `/v1beta`) stands for: `https://api.openai.com/v1`. */
  readonly baseURL: string;
  /** Sent for callers who bring no credential of their own that may be passed on. */
  readonly apiKey?: string | undefined;
  /** Names the provider in keys, in the place of its base URL. */
  readonly provider?: string | undefined;
  /** Further request headers that can change its answers, such as those that tell a router whom to ask. They count in keys. */
  readonly countedHeaders?: readonly string[] | undefined;
  /** Models that it has, `*` stands for any text; without the list it takes what no other upstream of its api names. */
  readonly models?: readonly string[] | undefined;
  /** A path of its own before the version: `/azure` takes `/azure/v1/…`, whatever the model. */
  readonly path?: string | undefined;
}

/** Who asks, as the gateway sees him. */
export interface Caller {
  /** The outermost namespace of all that he asks; he can name none beside it. */
  readonly namespace: string;
  /** Names of controls that he may use, as members of `CacheControl` (`"noCache"`, `"ttl"`), wherever he writes them. */
  readonly controls: "all" | ReadonlySet<string>;
  /**
   * Headers (lower case) that held the gateway's own key: they are not passed on. A query parameter stands there with a question
   * mark: `"?key"`.
   */
  readonly spent: readonly string[];
}

/** An endpoint of the gateway's own. */
export interface OwnEndpoint {
  /** `/healthz`; with `/` at its end everything below it too. */
  readonly path: string;
  /** May it be asked without the credential that callers need? */
  readonly isOpen?: boolean | undefined;
  handle(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void>;
}

/** What became of one request, for metrics and logs. No text of anybody is in it. */
export interface RequestRecord {
  readonly upstream: string | undefined;
  /** `"chat.completions"`, or `undefined` for what was passed on. */
  readonly operation: string | undefined;
  readonly status: number;
  readonly cache: "hit" | "stale" | "joined" | "miss" | "bypass" | "none";
  readonly durationMs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** Options of `createGateway`. */
export interface GatewayOptions {
  readonly cache: LLMCache;
  /** At least one. The first whose path, api and models match has a request. */
  readonly upstreams: readonly Upstream[];
  /**
   * Whose request it is; `undefined` refuses it with 401. `url` is the request's, because Gemini's clients may send their key as
   * `?key=`. @default a namespace for each credential, all controls
   */
  readonly identify?: ((headers: IncomingHttpHeaders, url?: string) => Caller | undefined) | undefined;
  /** Asked before the upstreams, by path. */
  readonly endpoints?: readonly OwnEndpoint[] | undefined;
  /** Host names that it answers to, against web pages that reach it by a name of their own. @default loopback names */
  readonly hosts?: readonly string[] | "any" | undefined;
  /**
   * Longest body of a request that may be answered from the cache, in bytes; longer ones are answered with 413. Bodies of other
   * requests are passed on as they come, of any length. @default 64 MiB
   */
  readonly maxBodyBytes?: number | undefined;
  /** How long a client may take to send the headers of a request, in ms; 0: no limit. @default 60000 */
  readonly headersTimeoutMs?: number | undefined;
  /** A body of which nothing has come for so long is given up, in ms; 0: none is. @default 60000 */
  readonly bodyTimeoutMs?: number | undefined;
  /** Told of each request after its answer; it must not throw. */
  readonly observe?: ((record: RequestRecord) => void) | undefined;
}
