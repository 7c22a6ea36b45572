import type { LanguageModelV4CallOptions, LanguageModelV4Message, LanguageModelV4Prompt } from "@ai-sdk/provider";
import type { CacheRequest, Json, RequestShape } from "@llmcache/core";
import { countedOptions } from "./call-control.ts";
import { LANGUAGE_FIELDS } from "./call-fields.ts";
import { headersOf, providerOf, type AnyModel } from "./model-provider.ts";
import { settingsOf } from "./field-roles.ts";
import { identityJson } from "./identity-json.ts";
import { modelName, type ModelCacheOptions } from "./options.ts";

/** Names answers of language models, and the form in which they are stored. */
export const LANGUAGE_OPERATION = "ai-sdk.language";

/** Headers that can change the answer; all others are ignored. */
export const COUNTED_HEADERS: readonly string[] = [
  "anthropic-beta",
  "anthropic-version",
  "openai-beta",
  "azureml-model-deployment",
  "extra-parameters",
];

/** What identifies a call. */
export function languageRequest(
  params: LanguageModelV4CallOptions,
  model: AnyModel,
  options: ModelCacheOptions,
): CacheRequest {
  const { prompt, headers, tools, temperature } = params;
  const settings = settingsOf(params, LANGUAGE_FIELDS);
  if (params.includeRawChunks === true) settings["includeRawChunks"] = true;
  const providerOptions = countedOptions(params.providerOptions);
  if (providerOptions !== undefined) settings["providerOptions"] = providerOptions;
  countHeaders(headers, model, options, settings);
  const last = prompt.at(-1);
  const text = last === undefined ? undefined : plainText(last);
  const context = messagesOf(text === undefined ? prompt : prompt.slice(0, -1));
  return {
    operation: LANGUAGE_OPERATION,
    provider: options.provider ?? providerOf(model),
    model: modelName(model.modelId, options.alias),
    settings: settings as Json,
    // A text is the last message itself; otherwise the last one stands among the others.
    ...(text === undefined ? { prompt: context } : { context, prompt: text }),
    shape: shapeOf(prompt, tools !== undefined && tools.length > 0, temperature),
  };
}

/** Adds the headers that count to the settings: those of the call, and those that the model was made with. */
export function countHeaders(
  headers: Readonly<Record<string, string | undefined>> | undefined,
  model: AnyModel,
  options: ModelCacheOptions,
  settings: Record<string, unknown>,
): void {
  addHeaders(headers, "header", options, settings);
  addHeaders(headersOf(model), "model header", options, settings);
}

function addHeaders(
  headers: Readonly<Record<string, string | undefined>> | undefined,
  prefix: string,
  { countedHeaders }: ModelCacheOptions,
  settings: Record<string, unknown>,
): void {
  if (headers === undefined) return;
  for (const name of Object.keys(headers)) {
    const lower = name.toLowerCase();
    if (!COUNTED_HEADERS.includes(lower) && countedHeaders?.some((each) => each.toLowerCase() === lower) !== true)
      continue;
    const value = headers[name];
    if (value !== undefined) settings[`${prefix} ${lower}`] = value;
  }
}

/** A user's message that is one text and nothing else. */
function plainText(message: LanguageModelV4Message): string | undefined {
  if (message.role !== "user" || message.content.length !== 1 || !hasOnly(message, "role", "content")) return undefined;
  const [part] = message.content;
  return part?.type === "text" && hasOnly(part, "type", "text") ? part.text : undefined;
}

/** Has nothing but these two a value? */
function hasOnly(object: object, first: string, second: string): boolean {
  for (const name of Object.keys(object)) {
    if (name === first || name === second) continue;
    if ((object as Readonly<Record<string, unknown>>)[name] !== undefined) return false;
  }
  return true;
}

/** Messages as JSON. Those of nothing but text are that already. */
function messagesOf(prompt: LanguageModelV4Prompt): Json {
  return prompt.map((message) =>
    typeof message.content === "string" || message.content.every((part) => part.type === "text")
      ? message
      : identityJson(message),
  ) as unknown as Json;
}

function shapeOf(prompt: LanguageModelV4Prompt, tools: boolean, temperature: number | undefined): RequestShape {
  let turns = 0;
  let attachments = false;
  for (const message of prompt) {
    if (message.role === "system") continue;
    turns++;
    attachments ||= message.content.some((part) => part.type !== "text");
  }
  return { turns, tools, attachments, temperature };
}
