import { isDeepStrictEqual } from "node:util";
import type { CacheRequest, Json, JsonObject } from "@llmcache/core";
import { aliasOf, ignoredFields, type FieldRole, type WireRequest } from "@llmcache/fetch";
import { deploymentOf, isAzure, providerOf } from "./endpoint.ts";
import { equalizer, type Conversation } from "./equivalence.ts";
import type { OpenAIFormatOptions } from "./format-options.ts";
import { readRequestBody } from "./given-body.ts";

/**
 * Headers that can change the answer; all others are ignored. `azureml-model-deployment` chooses a deployment, `extra-parameters`
 * says what Azure does with fields it does not know.
 */
export const COUNTED_HEADERS: readonly string[] = ["openai-beta", "azureml-model-deployment", "extra-parameters"];

/** A request to an endpoint, as far as all endpoints tell their requests apart alike. */
export interface Asked {
  /** The body as it was sent. */
  readonly body: JsonObject;
  /** Written anew it says the same: there is no integer in it that a double cannot hold. */
  readonly isRewritable: boolean;
  /** What of it counts. */
  readonly counted: JsonObject;
  /** Who is asked. */
  readonly who: Pick<CacheRequest, "provider" | "model">;
  /** What counts besides the body. */
  readonly around: Readonly<Record<string, Json>>;
  /** The model that has to answer; `undefined` where any may. */
  readonly expected: string | undefined;
}

/** How an endpoint tells its requests apart. */
export interface IdentityRules {
  /** The path behind the base URL. */
  readonly endpoint: string;
  readonly fields: Readonly<Record<string, FieldRole>>;
  readonly conversation?: Conversation;
  /** A request may name no model. @default false */
  readonly modelless?: boolean;
}

/**
 * Reads requests to an endpoint; gives `undefined` for what is none.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming an equivalence that there is not.
 */
export function requestReader(
  { endpoint, fields, conversation, modelless = false }: IdentityRules,
  { provider, alias, equivalent, countedHeaders = [], storeOtherModels = false }: OpenAIFormatOptions,
): (request: WireRequest, bytes: Uint8Array) => Asked | undefined {
  const ignored = ignoredFields(fields);
  const equalize = equalizer(equivalent, conversation);
  const headerNames = [...COUNTED_HEADERS, ...countedHeaders.map((name) => name.toLowerCase())];

  return (request, bytes) => {
    const read = readRequestBody(bytes);
    const base = providerOf(request, endpoint);
    if (read === undefined || base === undefined) return undefined;
    const { plain: body, exact } = read;
    const deployment = deploymentOf(request, endpoint);
    const named = deployment ?? body["model"];
    if (typeof named !== "string" && (!modelless || (named !== undefined && named !== null))) return undefined;
    const model = typeof named === "string" ? named : undefined;
    const common = model === undefined ? undefined : aliasOf(model, alias);
    const around: Record<string, Json> = {};
    for (const name of headerNames) {
      const value = request.headers.get(name);
      if (value !== null) around[`header ${name}`] = value;
    }
    // Beside a deployment the body's model should say nothing; it counts, to be sure.
    if (deployment !== undefined && body["model"] !== undefined && body["model"] !== deployment)
      around["model"] = exact["model"] as Json;
    const isFree = storeOtherModels || common !== undefined || deployment !== undefined || isAzure(request.url);
    return {
      body,
      isRewritable: exact === body || isDeepStrictEqual(exact, body),
      counted: equalize(without(exact, ignored)),
      who: common === undefined ? { provider: provider ?? base, model } : { model: common },
      around,
      expected: isFree ? undefined : model,
    };
  };
}

const ORDINARY = { enumerable: true, writable: true, configurable: true } as const;

/** What counts of a request, less the fields that stand elsewhere in its identity. */
export function settingsOf({ counted, around }: Asked, elsewhere: ReadonlySet<string>): JsonObject {
  return { ...around, body: without(counted, elsewhere) };
}

function without(body: JsonObject, names: ReadonlySet<string>): JsonObject {
  const rest: Record<string, Json | undefined> = {};
  for (const name of Object.keys(body)) {
    if (names.has(name)) continue;
    // It would be the prototype of the rest, and not count.
    if (name === "__proto__") Object.defineProperty(rest, name, { value: body[name], ...ORDINARY });
    else rest[name] = body[name];
  }
  return rest;
}
