import { anthropicMessages } from "@llmcache/anthropic";
import type { WireFormat } from "@llmcache/fetch";
import { googleFormats } from "@llmcache/google";
import { openAIFormats } from "@llmcache/openai";
import type { Api, Upstream } from "./gateway-options.ts";

/** What an upstream says of the identity of requests to it. */
type IdentityOptions = Pick<Upstream, "provider" | "countedHeaders">;

/** The wire formats of an API. */
export function formatsOf(api: Api, { provider, countedHeaders }: IdentityOptions = {}): readonly WireFormat[] {
  const options = { provider, countedHeaders };
  switch (api) {
    case "openai":
      return openAIFormats(options);
    case "anthropic":
      return [anthropicMessages(options)];
    case "google":
      return googleFormats(options);
    default:
      return api satisfies never;
  }
}

/** Formats whose operation is called otherwise. */
const OPERATIONS: Readonly<Record<string, string>> = {
  "openai.chat": "chat.completions",
  "openai.images.generations": "images",
  "openai.images.edits": "images",
  "openai.images.variations": "images",
};

/** What requests of a format are called in metrics. */
export function operationOf({ name }: Pick<WireFormat, "name">): string {
  return OPERATIONS[name] ?? name.slice(name.indexOf(".") + 1);
}

/** The paths that were asked for lately. */
const MAX_PATHS = 500;

/** Which requests an API's formats know, by method and path. */
export class KnownPaths {
  readonly #formats: Readonly<Record<Api, readonly WireFormat[]>> = {
    openai: formatsOf("openai"),
    anthropic: formatsOf("anthropic"),
    google: formatsOf("google"),
  };
  readonly #operations: Map<string, string | undefined> = new Map<string, string | undefined>();

  /** The operation that a request to this path asks for; `undefined` if the cache can have no answer to it. */
  operationAt(api: Api, method: string, path: string): string | undefined {
    // All of them are.
    if (method !== "POST") return undefined;
    const query = path.indexOf("?");
    const key = `${api}${query < 0 ? path : path.slice(0, query)}`;
    if (this.#operations.has(key)) return this.#operations.get(key);
    if (this.#operations.size >= MAX_PATHS) this.#operations.clear();
    const operation = this.#read(api, key.slice(api.length));
    this.#operations.set(key, operation);
    return operation;
  }

  #read(api: Api, path: string): string | undefined {
    if (!URL.canParse(`http://gateway${path}`)) return undefined;
    const request = { method: "POST", url: new URL(`http://gateway${path}`), headers: new Headers() };
    const format = this.#formats[api].find((each) => each.knows(request));
    return format === undefined ? undefined : operationOf(format);
  }
}
