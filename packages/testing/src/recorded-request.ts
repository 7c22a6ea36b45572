import type { IncomingHttpHeaders, IncomingMessage } from "node:http";

/** A request as it arrived. Requests whose body never came completely are not recorded. */
export interface RecordedRequest {
  /** 1 for the first request since the server started or was reset; the default answers name it. */
  readonly number: number;
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Names in lower case. */
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** When the body was complete, in ms since the epoch. */
  readonly at: number;
  /** Whether the client went away before the answer ended. Final once `ended` has resolved. */
  readonly aborted: boolean;
  /** Resolves, never rejects, when the exchange is over: answered, given up by the client, dropped or closed. */
  readonly ended: Promise<void>;
  /** The body as JSON, a new value each time. Throws a `SyntaxError` if it is none. */
  json(): unknown;
}

/** What only the exchange knows about its request. */
interface Ending {
  readonly abandoned: boolean;
  readonly ended: Promise<void>;
}

export function recordRequest(
  message: IncomingMessage,
  body: Buffer,
  number: number,
  at: number,
  exchange: Ending,
): RecordedRequest {
  const target = message.url ?? "/";
  const mark = target.indexOf("?");
  return {
    number,
    method: message.method ?? "GET",
    path: mark < 0 ? target : target.slice(0, mark),
    query: new URLSearchParams(mark < 0 ? "" : target.slice(mark + 1)),
    headers: message.headers,
    body,
    at,
    get aborted() {
      return exchange.abandoned;
    },
    ended: exchange.ended,
    json: () => JSON.parse(body.toString("utf8")) as unknown,
  };
}
