import { requestKey, type JsonObject } from "@llmcache/core";
import type { WireCall, WireFormat } from "@llmcache/fetch";
import { openAIChat, type OpenAIChatOptions } from "../src/index.ts";

export const CHAT_URL = "https://api.openai.com/v1/chat/completions";

export interface Asking {
  readonly url?: string;
  readonly headers?: Record<string, string>;
  readonly options?: OpenAIChatOptions;
}

/** What the format makes of a request with this body. */
export function callOf(
  body: JsonObject | string,
  { url = CHAT_URL, headers = {}, options = {} }: Asking = {},
): WireCall | undefined {
  const format: WireFormat = openAIChat(options);
  const request = { method: "POST", url: new URL(url), headers: new Headers(headers) };
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
