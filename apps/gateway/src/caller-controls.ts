import { isLLMCacheError, type CacheControl, type Json } from "@llmcache/core";
import { controlFromHeaders, isJsonObject } from "@llmcache/fetch";
import { readBodyControl } from "./body-control.ts";
import type { Api, Caller } from "./gateway-options.ts";
import { asText, cutMember, memberPlaces } from "./json-members.ts";

/** What a body asks of the cache, and what is left of it for the upstream. */
export interface SplitBody {
  readonly body: Uint8Array;
  /** `undefined`: it says nothing of the cache. */
  readonly control: CacheControl | undefined;
}

const MEMBER = "cache";
const QUOTED = '"cache"';
const JSON_BODY = /^\s*[{]/;

/** What headers ask of the cache. @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming what nobody can do. */
export function headerControl(headers: Headers): CacheControl {
  return controlFromHeaders(headers);
}

/**
 * Takes LiteLLM's `cache` out of a JSON body; the rest stays byte for byte. To OpenAI's API it always is that, and an error if it is
 * not of that form. The other APIs have had no clients of LiteLLM: there, only an object of that form is taken out.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming what is unknown or wrong.
 */
export function splitBody(body: Buffer, api: Api): SplitBody {
  if (!body.includes(QUOTED) || !JSON_BODY.test(body.toString("latin1", 0, 64))) return { body, control: undefined };
  let rest = body;
  let control: CacheControl | undefined;
  for (;;) {
    const places = memberPlaces(rest);
    const index = places?.findLastIndex(({ name }) => name === MEMBER) ?? -1;
    const place = places?.[index];
    if (places === undefined || place === undefined) return { body: rest, control };
    // Of several members of one name, the last counts.
    if (control === undefined) {
      const read = controlIn(asText(rest, place.valueStart, place.end), api);
      if (read === undefined) return { body, control: undefined };
      control = read;
    }
    rest = cutMember(rest, places, index);
  }
}

function controlIn(text: string, api: Api): CacheControl | undefined {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    // The upstream says what is wrong with its JSON.
    return undefined;
  }
  if (api === "openai") return readBodyControl(value);
  if (!isJsonObject(value)) return undefined;
  try {
    return readBodyControl(value);
  } catch (error) {
    if (isLLMCacheError(error, "ERR_LLMCACHE_OPTION")) return undefined;
    throw error;
  }
}

/** The controls that are given, by the names of their members. */
export function namesOf(control: CacheControl): readonly string[] {
  return Object.keys(control).filter((name) => control[name as keyof CacheControl] !== undefined);
}

/** The first of these controls that the caller may not use. */
export function forbidden({ controls }: Caller, names: readonly string[]): string | undefined {
  return controls === "all" ? undefined : names.find((name) => !controls.has(name));
}
