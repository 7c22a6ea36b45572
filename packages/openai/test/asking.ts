import { requestKey, type JsonObject } from "@llmcache/core";
import type { WireCall, WireFormat } from "@llmcache/fetch";
import { openAIFormats, type OpenAIFormatsOptions } from "../src/index.ts";

export const CHAT_URL = "https://api.openai.com/v1/chat/completions";
export const RESPONSES_URL = "https://api.openai.com/v1/responses";
export const COMPLETIONS_URL = "https://api.openai.com/v1/completions";

export interface Asking {
  readonly url?: string;
  readonly headers?: Record<string, string>;
  readonly options?: OpenAIFormatsOptions;
}

/** What the format makes of a request with this body. */
export function callOf(
  body: JsonObject | string,
  { url = CHAT_URL, headers = {}, options = {} }: Asking = {},
): WireCall | undefined {
  const request = { method: "POST", url: new URL(url), headers: new Headers(headers) };
  const format: WireFormat | undefined = openAIFormats(options).find((each) => each.knows(request));
  return format?.read(request, Buffer.from(typeof body === "string" ? body : JSON.stringify(body), "utf8"));
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
