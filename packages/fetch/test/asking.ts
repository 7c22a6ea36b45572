import { requestKey, type JsonObject } from "@llmcache/core";
import type { WireCall, WireFormat } from "../src/index.ts";

/** What is asked of a format. */
export interface Asking<Options> {
  readonly url?: string;
  readonly headers?: Record<string, string>;
  readonly options?: Options;
}

/** Requests as the formats of a package understand them. */
export interface Asked<Options> {
  /** What a format makes of a request with this body; `undefined` if none understands it. */
  callOf(body: JsonObject | string, asking?: Asking<Options>): WireCall | undefined;
  /** The same, where the request is understood. */
  call(body: JsonObject | string, asking?: Asking<Options>): WireCall;
  /** The id of its key. */
  keyOf(body: JsonObject | string, asking?: Asking<Options>): string;
}

/** @param usual where requests go unless they say otherwise. */
export function askedOf<Options extends object>(
  formats: (options: Options | undefined) => readonly WireFormat[],
  usual: string,
): Asked<Options> {
  const callOf: Asked<Options>["callOf"] = (body, { url = usual, headers = {}, options } = {}) => {
    const request = { method: "POST", url: new URL(url), headers: new Headers(headers) };
    return formats(options)
      .find((each) => each.knows(request))
      ?.read(request, bytesOf(body));
  };
  const call: Asked<Options>["call"] = (body, asking) => {
    const read = callOf(body, asking);
    if (read === undefined) throw new Error("The request was not understood.");
    return read;
  };
  return { callOf, call, keyOf: (body, asking) => requestKey(call(body, asking).request).id };
}

export function bytesOf(body: JsonObject | string): Buffer {
  return Buffer.from(typeof body === "string" ? body : JSON.stringify(body), "utf8");
}
