import { requestKey, type JsonObject } from "@llmcache/core";
import type { ListCall, WireCall, WireRequest } from "@llmcache/fetch";
import { googleEmbedContent, googleGenerateContent, type GoogleFormatOptions } from "../src/index.ts";

export const BASE_URL = "https://generativelanguage.googleapis.com/v1beta/models/gemini-3-flash";
export const GENERATE_URL = `${BASE_URL}:generateContent`;
export const STREAM_URL = `${BASE_URL}:streamGenerateContent?alt=sse`;

export interface Asking {
  readonly url?: string;
  readonly headers?: Record<string, string>;
  readonly options?: GoogleFormatOptions;
}

export function wireRequest({ url = GENERATE_URL, headers = {} }: Asking): WireRequest {
  return { method: "POST", url: new URL(url), headers: new Headers(headers) };
}

/** What the format makes of a request with this body. */
export function callOf(body: JsonObject | string, asking: Asking = {}): WireCall | undefined {
  const format = googleGenerateContent(asking.options);
  const request = wireRequest(asking);
  if (!format.knows(request)) return undefined;
  return format.read(request, Buffer.from(typeof body === "string" ? body : JSON.stringify(body), "utf8"));
}

/** The same, where the request is understood. */
export function call(body: JsonObject | string, asking: Asking = {}): WireCall {
  const read = callOf(body, asking);
  if (read === undefined) throw new Error("The request was not understood.");
  return read;
}

export function keyOf(body: JsonObject | string, asking: Asking = {}): string {
  return requestKey(call(body, asking).request).id;
}

/** What the format for embeddings makes of a request with this body. */
export function listOf(body: JsonObject | string, asking: Asking = {}): ListCall | undefined {
  const format = googleEmbedContent(asking.options);
  const request = wireRequest(asking);
  if (!format.knows(request)) return undefined;
  return format.readList?.(request, Buffer.from(typeof body === "string" ? body : JSON.stringify(body), "utf8"));
}
