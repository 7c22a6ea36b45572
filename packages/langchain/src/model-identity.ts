import type { BaseChatModel } from "@langchain/core/language_models/chat_models";
import { convertToOpenAITool } from "@langchain/core/utils/function_calling";
import { toJsonSchema } from "@langchain/core/utils/json_schema";
import { isInteropZodSchema } from "@langchain/core/utils/types";
import type { Json } from "@llmcache/core";
import { countedOptions } from "./call-options.ts";
import { isPlain, plainJson } from "./plain-json.ts";

/** Constructor arguments that do not change an answer, or are no business of a key: credentials, tracing, retries. */
const NOT_COUNTED =
  /^(?:apiKey|.*ApiKey|.*api_key|.*(?:Secret|secret|password|accessToken|accessKeyId|credentials).*|organization|callbacks|callbackManager|verbose|cache|tags|metadata|maxRetries|maxConcurrency|timeout|onFailedAttempt|caller|callOptions|disableStreaming|streaming|streamUsage|name|dangerouslyAllowBrowser|httpAgent|fetch|fetchOptions|logger|logLevel|[Aa]uthorization)$/;
/** Where a model asks: left out where an alias stands for it. */
const ADDRESS = /^(?:base_?url|base_?path|api_?url|.*endpoint)$/i;

/** Somebody's model, as far as its private parts tell where it asks. */
interface Reachable {
  readonly clientConfig?: { readonly baseURL?: unknown } | undefined;
  readonly apiUrl?: unknown;
  readonly baseUrl?: unknown;
  readonly baseURL?: unknown;
  readonly endpoint?: unknown;
  readonly model?: unknown;
  readonly modelName?: unknown;
}

/** Who answers: the kind of model, and its base URL where it shows one, without credentials. */
export function providerOf(model: object & { _llmType?(): string }): string {
  const { clientConfig, apiUrl, baseUrl, baseURL, endpoint } = model as Reachable;
  const kind = `${model.constructor.name}/${model._llmType?.() ?? ""}`;
  const base = [clientConfig?.baseURL, apiUrl, baseUrl, baseURL, endpoint].find((each) => typeof each === "string");
  return base === undefined ? kind : `${kind} ${withoutCredentials(base)}`;
}

function withoutCredentials(text: string): string {
  if (!URL.canParse(text)) return text;
  const { origin, pathname } = new URL(text);
  return `${origin}${pathname.replace(/\/+$/, "")}`;
}

/** The model's name, where it has one. */
export function modelNameOf(model: object): string | undefined {
  const { model: own, modelName } = model as Reachable;
  return [own, modelName].find((each) => typeof each === "string");
}

/** Constructor arguments that count: data only. @param hasAlias its address does not count */
export function argumentsOf(model: object, hasAlias: boolean): Json {
  const { lc_kwargs: given } = model as { readonly lc_kwargs?: unknown };
  return dataOf(given, hasAlias) ?? {};
}

function dataOf(value: unknown, hasAlias: boolean): Json | undefined {
  if (typeof value === "function" || typeof value === "symbol" || value === undefined) return undefined;
  if (typeof value !== "object" || value === null) return value as Json;
  if (Array.isArray(value)) return value.map((item) => dataOf(item, hasAlias) ?? null);
  if (!isPlain(value)) return undefined;
  const data: Record<string, Json> = {};
  for (const [name, member] of Object.entries(value)) {
    const isOut = NOT_COUNTED.test(name) || (hasAlias && ADDRESS.test(name));
    const own = isOut ? undefined : dataOf(member, hasAlias);
    if (own !== undefined) data[name] = own;
  }
  return data;
}

/** Everything that can change the answer besides the messages. */
export function settingsOf(model: BaseChatModel, options: object, hasAlias: boolean): Json {
  const { defaultOptions } = model as { readonly defaultOptions?: object };
  const params: unknown = model.invocationParams(options);
  return plainJson({
    arguments: argumentsOf(model, hasAlias),
    params: withoutSchemas(params),
    call: optionsIdentity(options),
    defaults: optionsIdentity(defaultOptions ?? {}),
  });
}

function optionsIdentity(options: object): Record<string, unknown> {
  const counted = countedOptions(options);
  const { tools } = counted as { readonly tools?: unknown };
  if (Array.isArray(tools)) counted["tools"] = tools.map(toolIdentity);
  return withoutSchemas(counted) as Record<string, unknown>;
}

/** Schemas that are instances, as what the provider is sent of them. */
function withoutSchemas(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(withoutSchemas);
  if (isInteropZodSchema(value)) return toJsonSchema(value);
  if (!isPlain(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withoutSchemas(member)]));
}

/** A tool that is an instance, by its description for the model; others are data. */
function toolIdentity(tool: unknown): Json {
  return typeof tool === "object" && tool !== null && !isPlain(tool)
    ? (convertToOpenAITool(tool as never) as unknown as Json)
    : plainJson(tool);
}
