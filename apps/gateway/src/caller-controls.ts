import { isUtf8 } from "node:buffer";
import { isLLMCacheError, LLMCacheError, type CacheControl, type Json } from "@llmcache/core";
import { CONTROL_HEADERS, controlFromHeaders, isJsonObject } from "@llmcache/fetch";
import { readBodyControl } from "./body-control.ts";
import type { Api, Caller } from "./gateway-options.ts";
import { KEY_HEADER } from "./identify.ts";
import { asText, cutMembers, memberPlaces } from "./json-members.ts";

/** What a body asks of the cache, and what is left of it for the upstream. */
export interface SplitBody {
  readonly body: Uint8Array;
  /** `undefined`: it says nothing of the cache. */
  readonly control: CacheControl | undefined;
}

const MEMBER = "cache";
const QUOTED = '"cache"';
const JSON_BODY = /^\s*[{]/;

const PREFIX = "x-llmcache-";
const KNOWN_HEADERS: ReadonlySet<string> = new Set([...CONTROL_HEADERS, KEY_HEADER]);
const MAX_SHOWN = 60;
/** Each of them is a read of the store, with every request. */
const MAX_TAGS = 50;

/** What headers ask of the cache. @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming what nobody can do. */
export function headerControl(headers: Headers): CacheControl {
  for (const name of headers.keys()) {
    // Passed over, it would be taken to have worked: a namespace that is none.
    if (name.startsWith(PREFIX) && !KNOWN_HEADERS.has(name))
      throw new LLMCacheError(
        "ERR_LLMCACHE_OPTION",
        `${name.slice(0, MAX_SHOWN)} is no header of this gateway; known are ${CONTROL_HEADERS.join(", ")}.`,
      );
  }
  const control = controlFromHeaders(headers);
  if ((control.tags?.length ?? 0) > MAX_TAGS)
    throw new LLMCacheError("ERR_LLMCACHE_OPTION", `x-llmcache-tags must name ${MAX_TAGS} tags at most.`);
  return control;
}

/**
 * Takes LiteLLM's `cache` out of a JSON body; the rest stays byte for byte. To OpenAI's API it always is that, and an error if it is
 * not of that form. The other APIs have had no clients of LiteLLM: there, only an object of that form is taken out.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming what is unknown or wrong.
 */
export function splitBody(body: Buffer, api: Api): SplitBody {
  if (!body.includes(QUOTED) || !JSON_BODY.test(body.toString("latin1", 0, 64))) return { body, control: undefined };
  const places = memberPlaces(body);
  // Of several members of one name, the last counts.
  const place = places?.findLast(({ name }) => name === MEMBER);
  if (places === undefined || place === undefined) return { body, control: undefined };
  // Decoded, different bytes would be one namespace.
  if (!isUtf8(body)) throw new LLMCacheError("ERR_LLMCACHE_OPTION", "cache: the body must be UTF-8.");
  const control = controlIn(asText(body, place.valueStart, place.end), api);
  return control === undefined ? { body, control } : { body: cutMembers(body, places, MEMBER), control };
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
