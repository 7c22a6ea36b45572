import { requestKey, type JsonObject } from "@llmcache/core";
import type { WireCall } from "@llmcache/fetch";
import { anthropicMessages, type AnthropicFormatOptions } from "../src/index.ts";

export const MESSAGES_URL = "https://api.anthropic.com/v1/messages";

export interface Asking {
  readonly url?: string;
  readonly headers?: Record<string, string>;
  readonly options?: AnthropicFormatOptions;
}

/** What the format makes of a request with this body. */
export function callOf(
  body: JsonObject | string,
  { url = MESSAGES_URL, headers = {}, options = {} }: Asking = {},
): WireCall | undefined {
  const request = { method: "POST", url: new URL(url), headers: new Headers(headers) };
  const format = anthropicMessages(options);
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
