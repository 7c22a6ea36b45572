import type { JsonObject } from "@llmcache/core";
import type { ListCall, WireRequest } from "@llmcache/fetch";
import { askedOf, bytesOf, type Asking } from "../../fetch/test/asking.ts";
import { googleEmbedContent, googleGenerateContent, type GoogleFormatOptions } from "../src/index.ts";

export const BASE_URL = "https://generativelanguage.googleapis.com/v1beta/models/gemini-3-flash";
export const GENERATE_URL = `${BASE_URL}:generateContent`;
export const STREAM_URL = `${BASE_URL}:streamGenerateContent?alt=sse`;

export const { callOf, call, keyOf } = askedOf<GoogleFormatOptions>(
  (options) => [googleGenerateContent(options)],
  GENERATE_URL,
);

export function wireRequest({ url = GENERATE_URL, headers = {} }: Asking<GoogleFormatOptions>): WireRequest {
  return { method: "POST", url: new URL(url), headers: new Headers(headers) };
}

/** What the format for embeddings makes of a request with this body. */
export function listOf(body: JsonObject | string, asking: Asking<GoogleFormatOptions> = {}): ListCall | undefined {
  const format = googleEmbedContent(asking.options);
  const request = wireRequest(asking);
  if (!format.knows(request)) return undefined;
  return format.readList?.(request, bytesOf(body));
}
