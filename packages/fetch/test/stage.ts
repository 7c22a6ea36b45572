import type { Json, JsonObject, LLMCache, Verdict } from "@llmcache/core";
import {
  cachedFetch,
  writeEvent,
  type CachedFetch,
  type CachedFetchInit,
  type CachedFetchOptions,
  type Fetch,
  type ServerSentEvent,
  type WireCall,
  type WireFormat,
} from "../src/index.ts";

export const URL_OF_MODEL = "https://model.test/ask";

/** A wire format small enough to see through: the question is `q`; streams are words, `end` ends them. */
export const wordFormat: WireFormat = {
  name: "words",
  knows: ({ method, url }) => method === "POST" && url.pathname === "/ask",
  read(_request, body) {
    const asked = JSON.parse(Buffer.from(body).toString("utf8")) as JsonObject;
    return typeof asked["q"] === "string" ? wordCall(asked, asked["q"]) : undefined;
  },
};

function wordCall(asked: JsonObject, question: string): WireCall {
  const words = (events: readonly ServerSentEvent[]): string[] =>
    events.filter(({ data }) => data !== "end").map(({ data }) => data);
  const ended = (events: readonly ServerSentEvent[]): boolean => events.at(-1)?.data === "end";
  return {
    request: { operation: "chat.completions", provider: "model.test", model: "m", prompt: question },
    streaming: asked["stream"] === true,
    variant: typeof asked["variant"] === "string" ? asked["variant"] : undefined,
    more: asked["more"] === true ? { body: JSON.stringify({ ...asked, length: true }), show: showWord } : undefined,
    judge: (answer: Json): Verdict => (typeof (answer as JsonObject)["a"] === "string" ? "store" : "pass"),
    judgeEvents: (events): Verdict => (ended(events) ? "store" : "pass"),
    note: () => ({ tokens: 3 }),
    noteEvents: (events) => ({ tokens: words(events).length }),
    endsStream: ({ data }) => data === "end",
    toAnswer: (events) => (ended(events) ? { a: words(events).join(" ") } : undefined),
    toEvents: (answer) =>
      [...((answer as JsonObject)["a"] as string).split(" "), "end"].map((data) => ({ event: "message", data })),
    adapt: (events) =>
      asked["variant"] === "loud"
        ? events.map((each) => ({ ...each, data: each.data === "end" ? "end" : each.data.toUpperCase() }))
        : "same",
  };
}

/** Words that begin with # are what was asked for besides; one that ends in ! is shown without it. */
function showWord(event: ServerSentEvent): ServerSentEvent | "same" | undefined {
  if (event.data.startsWith("#")) return undefined;
  return event.data.endsWith("!") ? { ...event, data: event.data.slice(0, -1) } : "same";
}

/** What was asked of the provider, and what it says. */
export class Provider {
  readonly asked: { readonly input: unknown; readonly init: RequestInit | undefined }[] = [];
  #reply: (number: number, init: RequestInit | undefined) => Response | Promise<Response>;

  constructor(
    reply: (number: number, init: RequestInit | undefined) => Response | Promise<Response> = (number) =>
      json({ a: `answer ${number}` }),
  ) {
    this.#reply = reply;
  }

  get count(): number {
    return this.asked.length;
  }

  replies(reply: (number: number, init: RequestInit | undefined) => Response | Promise<Response>): void {
    this.#reply = reply;
  }

  readonly fetch: Fetch = async (input, init) => {
    this.asked.push({ input, init });
    return this.#reply(this.asked.length, init);
  };
}

/** Did a request ask for a stream? */
export function wantsStream(init: RequestInit | undefined): boolean {
  return typeof init?.body === "string" && init.body.includes("stream");
}

export function json(value: Json, init: ResponseInit = {}): Response {
  return new Response(JSON.stringify(value), {
    ...init,
    headers: { "content-type": "application/json", ...(init.headers as object) },
  });
}

export function events(...data: string[]): Uint8Array {
  return Buffer.concat(data.map((each) => writeEvent({ event: "message", data: each })));
}

/** A response of these chunks, one for each read. */
export function streamed(
  chunks: readonly (Uint8Array | string | Error)[],
  headers: Record<string, string> = {},
): Response {
  let next = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const chunk = chunks[next++];
        if (chunk === undefined) controller.close();
        else if (chunk instanceof Error) controller.error(chunk);
        else controller.enqueue(typeof chunk === "string" ? Buffer.from(chunk) : new Uint8Array(chunk));
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(body, { headers: { "content-type": "text/event-stream", ...headers } });
}

/** A stream in the test's hand. */
export function handFed(signal?: AbortSignal | null): {
  readonly response: Response;
  push(...data: string[]): void;
  end(): void;
  fail(error: Error): void;
  readonly pulls: number;
  readonly cancelled: Promise<unknown>;
} {
  const cancelled = Promise.withResolvers<unknown>();
  let pulls = 0;
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  const body = new ReadableStream<Uint8Array>(
    {
      start: (given) => void (controller = given),
      pull: () => void pulls++,
      cancel: (reason) => cancelled.resolve(reason),
    },
    { highWaterMark: 0 },
  );
  signal?.addEventListener("abort", () => {
    cancelled.resolve(signal.reason);
    try {
      controller.error(signal.reason);
    } catch {
      // Over already.
    }
  });
  return {
    response: new Response(body, { headers: { "content-type": "text/event-stream" } }),
    push: (...data) => controller.enqueue(new Uint8Array(events(...data))),
    end: () => controller.close(),
    fail: (error) => controller.error(error),
    get pulls() {
      return pulls;
    },
    cancelled: cancelled.promise,
  };
}

export function cachedWith(
  cache: LLMCache | undefined,
  provider: Provider,
  options: Partial<CachedFetchOptions> = {},
): Asker {
  const fetch = cachedFetch(cache, { formats: [wordFormat], fetch: provider.fetch, ...options });
  return asker(fetch);
}

export type Asker = (asked: JsonObject, init?: RequestInit & CachedFetchInit) => Promise<Response>;

export function asker(fetch: CachedFetch): Asker {
  return (asked, init = {}) => fetch(URL_OF_MODEL, { method: "POST", body: JSON.stringify(asked), ...init });
}

/** The value of Cache-Status as RFC 9211 has it: members with parameters. */
export function cacheStatus(
  response: Response,
): { readonly cache: string; readonly [parameter: string]: string | number | boolean }[] {
  const header = response.headers.get("cache-status") ?? "";
  return header
    .split(/,\s*/)
    .filter((member) => member !== "")
    .map((member) => {
      const [cache = "", ...parameters] = member.split(/;\s*/);
      if (!/^[A-Za-z*][A-Za-z0-9:/!#$%&'*+.^_`|~-]*$/.test(cache)) throw new Error(`No token: ${cache}`);
      const known = parameters.map((parameter): [string, string | number | boolean] => {
        const [, name, value] = /^([a-z*][a-z0-9_.*-]*)(?:=(.+))?$/.exec(parameter) ?? [];
        if (name === undefined) throw new Error(`No parameter: ${parameter}`);
        if (value === undefined) return [name, true];
        return [name, /^-?\d+$/.test(value) ? Number(value) : value];
      });
      return { cache, ...Object.fromEntries(known) };
    });
}
