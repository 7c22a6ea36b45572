import { request as ask, type IncomingMessage, type ServerResponse } from "node:http";
import { isObject } from "./admin-body.ts";
import { JsonLines } from "./ndjson.ts";
import { wrongField } from "./own-answer.ts";

/** What may stand in the body of `warm`. */
export const WARM_FIELDS: readonly string[] = ["requests", "concurrency"];

const MOST_REQUESTS = 1000;
const DEFAULT_CONCURRENCY = 4;
const MOST_CONCURRENCY = 32;
const REQUEST_FIELDS: readonly string[] = ["path", "body", "headers"];
/** Those of one connection, and those that say where it leads. */
const NOT_SENT: ReadonlySet<string> = new Set(["host", "connection", "content-length", "transfer-encoding", "expect"]);

interface WarmRequest {
  readonly path: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What became of one of them. */
interface Warmed {
  readonly index: number;
  /** `fresh`: it was stored. `asked`: the provider was asked. `failed`: see `httpStatus` or `error`. */
  readonly status: "fresh" | "asked" | "failed";
  readonly httpStatus?: number;
  readonly cacheStatus?: string;
  readonly error?: string;
  readonly durationMs: number;
}

/**
 * Asks the gateway itself for each of the requests, several at a time, with the headers each of them brings (its credential says whose
 * answers these are), and tells of each by a line. Ends with whoever asked for it.
 *
 * @throws Refusal 400 naming the field.
 */
export async function warmUp(
  fields: Readonly<Record<string, unknown>>,
  request: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const requests = requestsOf(fields["requests"]);
  const concurrency = concurrencyOf(fields["concurrency"]);
  const lines = new JsonLines(response, signal);
  const totals = { fresh: 0, asked: 0, failed: 0 };
  const source = requests.entries();
  const work = async (): Promise<void> => {
    for (const [index, each] of source) {
      const warmed = await warmOne(each, index, request, signal);
      totals[warmed.status]++;
      await lines.write(warmed);
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, requests.length) }, work));
  lines.end({ done: true, ...totals });
}

async function warmOne(
  { path, body, headers }: WarmRequest,
  index: number,
  { socket, headers: { host } }: IncomingMessage,
  signal: AbortSignal,
): Promise<Warmed> {
  const startedAt = performance.now();
  const took = (): number => Math.round(performance.now() - startedAt);
  try {
    const answered = Promise.withResolvers<IncomingMessage>();
    const asked = ask(
      {
        // Where the question came in, the gateway answers.
        host: socket.localAddress,
        port: socket.localPort,
        method: "POST",
        path,
        headers: {
          "content-type": "application/json",
          ...headers,
          ...(host === undefined ? {} : { host }),
          "content-length": Buffer.byteLength(body),
        },
        agent: false,
        signal,
      },
      answered.resolve,
    );
    asked.once("error", answered.reject);
    asked.end(body);
    const answer = await answered.promise;
    // Read to its end: only then is it stored.
    for await (const _ of answer);
    const { statusCode: httpStatus = 0 } = answer;
    const cacheStatus = answer.headers["cache-status"];
    const status =
      httpStatus < 200 || httpStatus > 299 ? "failed" : /; *hit/.test(String(cacheStatus)) ? "fresh" : "asked";
    return {
      index,
      status,
      httpStatus,
      ...(typeof cacheStatus === "string" ? { cacheStatus } : {}),
      durationMs: took(),
    };
  } catch (error) {
    signal.throwIfAborted();
    return { index, status: "failed", error: (error as NodeJS.ErrnoException).code ?? "failed", durationMs: took() };
  }
}

function requestsOf(value: unknown): readonly WarmRequest[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > MOST_REQUESTS)
    throw wrongField("requests", `must be a list of 1 to ${MOST_REQUESTS} requests.`);
  return value.map((each: unknown, index) => {
    const field = `requests[${index}]`;
    if (!isObject(each)) throw wrongField(field, "must be an object with path and body.");
    for (const name of Object.keys(each))
      if (!REQUEST_FIELDS.includes(name))
        throw wrongField(`${field}.${name.slice(0, 40)}`, `is no field here; known are ${REQUEST_FIELDS.join(", ")}.`);
    const { path, body, headers = {} } = each;
    if (typeof path !== "string" || !/^\/[\x21-\x7e]*$/.test(path) || /^\/+admin(?=[/?]|$)/i.test(path))
      throw wrongField(`${field}.path`, "must be a path of this gateway, such as /v1/chat/completions.");
    if (!isObject(body)) throw wrongField(`${field}.body`, "must be a JSON object: what would be posted.");
    return { path, body: JSON.stringify(body), headers: headersOf(headers, `${field}.headers`) };
  });
}

function headersOf(value: unknown, field: string): Readonly<Record<string, string>> {
  if (!isObject(value)) throw wrongField(field, "must be an object of texts.");
  const headers: Record<string, string> = {};
  for (const [name, text] of Object.entries(value)) {
    const isSendable = /^[\w!#$%&'*+.^`|~-]+$/.test(name) && typeof text === "string" && /^[\t\x20-\x7e]*$/.test(text);
    if (!isSendable || NOT_SENT.has(name.toLowerCase()))
      throw wrongField(`${field}.${name.slice(0, 40)}`, "cannot be sent as a header.");
    headers[name.toLowerCase()] = text;
  }
  return headers;
}

function concurrencyOf(value: unknown): number {
  if (value === undefined) return DEFAULT_CONCURRENCY;
  if (!Number.isSafeInteger(value) || (value as number) < 1 || (value as number) > MOST_CONCURRENCY)
    throw wrongField("concurrency", `must be a whole number from 1 to ${MOST_CONCURRENCY}.`);
  return value as number;
}
