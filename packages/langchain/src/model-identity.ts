import type { BaseChatModel } from "@langchain/core/language_models/chat_models";
import { convertToOpenAITool } from "@langchain/core/utils/function_calling";
import { toJsonSchema } from "@langchain/core/utils/json_schema";
import { isInteropZodSchema } from "@langchain/core/utils/types";
import type { Json } from "@llmcache/core";
import { countedOptions } from "./call-options.ts";
import { countedMembers, plainAddress } from "./counted-data.ts";
import { isPlain, plainJson } from "./plain-json.ts";

/** Models in models, and what else has an identity, are looked into so deep. */
const MAX_MODELS = 20;

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
  return base === undefined ? kind : `${kind} ${plainAddress(base)}`;
}

/** The model's name, where it has one. */
export function modelNameOf(model: object): string | undefined {
  const { model: own, modelName } = model as Reachable;
  return [own, modelName].find((each) => typeof each === "string");
}

/**
 * Constructor arguments that count: data, and models. Texts that the model holds itself count too: names and addresses that it has from the
 * environment are no arguments.
 *
 * @param hasAlias its address does not count
 */
function argumentsOf(model: object, hasAlias: boolean): Json {
  const { lc_kwargs: given } = model as { readonly lc_kwargs?: unknown };
  const options = { hasAlias, ofInstance: (instance: object) => modelIn(instance, hasAlias, 1) };
  const texts = Object.entries(model).filter(([, value]) => typeof value === "string");
  return {
    given: typeof given === "object" && given !== null ? countedMembers(given, options) : {},
    texts: countedMembers(Object.fromEntries(texts), options),
  };
}

/** What an instance has in its fields, whatever they are called: data, and models. */
export function fieldsOf(instance: object, hasAlias = false, depth = 0): Json {
  if (depth > MAX_MODELS) throw new RangeError("Models are nested too deep, or in themselves.");
  const options = { hasAlias, ofInstance: (inner: object) => modelIn(inner, hasAlias, depth + 1) };
  const { lc_kwargs: given, ...fields } = instance as { readonly lc_kwargs?: unknown; readonly name?: unknown };
  const data = countedMembers(fields, options);
  // Some are called after their model.
  if (typeof fields.name === "string") data["name"] = fields.name;
  return { fields: data, given: typeof given === "object" && given !== null ? countedMembers(given, options) : {} };
}

/** A model among another one's members; `undefined` for other instances. */
function modelIn(instance: object, hasAlias: boolean, depth: number): Json | undefined {
  const { _llmType: chat, embedDocuments: embeddings } = instance as Readonly<Record<string, unknown>>;
  if (typeof chat !== "function" && typeof embeddings !== "function") return undefined;
  return { provider: providerOf(instance), fields: fieldsOf(instance, hasAlias, depth) };
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

/** A tool that is an instance, by its description for the model, with what it says to some models besides; others are data. */
function toolIdentity(tool: unknown): Json {
  if (typeof tool !== "object" || tool === null || isPlain(tool)) return plainJson(tool);
  const description = convertToOpenAITool(tool as never) as unknown as Json;
  const { extras } = tool as { readonly extras?: unknown };
  return extras === undefined ? description : { description, extras: plainJson(extras) };
}
