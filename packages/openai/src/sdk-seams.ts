import type { Outcome } from "@llmcache/core";
import { outcomesOf } from "@llmcache/fetch";
import type { APIPromise, OpenAI } from "openai";
import type { FastPath } from "./fast-path.ts";
import { hitProps, type HitProps } from "./hit-props.ts";
import { hitStream } from "./hit-stream.ts";
import { remember } from "./reject.ts";
import { insideOf, type FinalOptions, type Parse, type ResponseProps, type StreamParts } from "./sdk-inside.ts";

/** The steps of the SDK's client that are ours: where a request begins, and where its answer becomes what the caller gets. */
export interface Seams {
  makeRequest(
    options: FinalOptions | Promise<FinalOptions>,
    retriesRemaining: number | null | undefined,
    retryOf: string | undefined,
  ): Promise<ResponseProps>;
  responsePromise(request: Promise<ResponseProps>, parse?: Parse): APIPromise<unknown>;
}

/** `fast` is asked first, where there is one. Whatever is handed out is remembered, so that it can be rejected. */
export function seamsOf(client: OpenAI, fast: FastPath | undefined): Seams {
  const inside = insideOf(client);
  const makeRequest = inside.makeRequest.bind(client);
  const responsePromise = inside.responsePromise.bind(client);

  const onTheWire = async (...asked: Parameters<Seams["makeRequest"]>): Promise<ResponseProps> => {
    const props = await makeRequest(...asked);
    remember(props.response, outcomesOf(props.response) ?? []);
    return props;
  };
  const begin = async (
    options: FinalOptions | Promise<FinalOptions>,
    retryOf: string | undefined,
  ): Promise<ResponseProps> => {
    const resolved = await options;
    return (await fast?.find(resolved)) ?? onTheWire(resolved, null, retryOf);
  };
  const read: Parse = (_client, props) => {
    const hit = hitProps(props);
    return hit === undefined ? inside.parseResponseWithTimeout(client, props) : readHit(client, hit);
  };
  const outcomes = (props: ResponseProps): readonly Outcome<unknown>[] =>
    hitProps(props)?.outcomes ?? outcomesOf(props.response) ?? [];
  const readAndRemember: Parse = (_client, props) => {
    const answer = read(client, props);
    if (answer instanceof Promise) return remembered(answer, outcomes(props));
    remember(answer, outcomes(props));
    return answer;
  };
  return {
    makeRequest: (options, retriesRemaining, retryOf) =>
      retriesRemaining === null || retriesRemaining === undefined
        ? begin(options, retryOf)
        : onTheWire(options, retriesRemaining, retryOf),
    responsePromise: (request, parse) =>
      responsePromise(
        request,
        parse === undefined
          ? readAndRemember
          : async (_client, props) => {
              const answer = await parse(client, hitProps(props)?.forTransform() ?? props);
              remember(answer, outcomes(props));
              return answer;
            },
      ),
  };
}

async function remembered(reading: Promise<unknown>, outcomes: readonly Outcome<unknown>[]): Promise<unknown> {
  const answer = await reading;
  remember(answer, outcomes);
  return answer;
}

/** What the SDK would read from the Response, without making one; with one where somebody has asked for it before. */
function readHit(client: OpenAI, hit: HitProps): unknown {
  const { options, controller, streamBegins: begins } = hit;
  // The SDK says what an abort before the answer is read is to whom.
  const content = options.stream !== true && options.signal?.aborted === true ? undefined : hit.take();
  if (content === undefined) return insideOf(client).parseResponseWithTimeout(client, hit);
  if (content.kind === "answer") return withRequestId(content.value);
  const { bytes } = content;
  const headers = (): Headers => hit.response.headers;
  return partsOf(client).then((parts) => hitStream(parts, { client, controller, bytes, begins, headers }));
}

/** As the SDK does with every answer; the id of another request is no help. */
function withRequestId(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.defineProperty(value, "_request_id", { value: null, enumerable: false });
}

const parts: WeakMap<object, Promise<StreamParts>> = new WeakMap<object, Promise<StreamParts>>();

/** The classes that this copy of the SDK reads streams with: it is let read an empty one. */
function partsOf(client: OpenAI): Promise<StreamParts> {
  const prototype = Object.getPrototypeOf(client) as object;
  const known = parts.get(prototype) ?? readParts(client);
  parts.set(prototype, known);
  return known;
}

async function readParts(client: OpenAI): Promise<StreamParts> {
  const empty = await insideOf(client).parseResponseWithTimeout(client, {
    response: new Response(null, { headers: { "content-type": "text/event-stream" } }),
    options: { stream: true },
    controller: new AbortController(),
    requestLogID: "",
    retryOfRequestLogID: undefined,
    startTime: 0,
  });
  const { OpenAIError } = client.constructor as unknown as StreamParts;
  return { Stream: (empty as { readonly constructor: unknown }).constructor as StreamParts["Stream"], OpenAIError };
}
