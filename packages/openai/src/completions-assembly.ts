import type { Json, JsonObject } from "@llmcache/core";
import { isJsonObject, type ServerSentEvent } from "@llmcache/fetch";
import { assembleChunks, type ChoiceAssembly, type ChunkAssembly } from "./chunk-assembly.ts";
import { hasOnly } from "./json-shape.ts";

const CHOICE_FIELDS: ReadonlySet<string> = new Set(["index", "text", "logprobs", "finish_reason"]);

/** Puts the chunks of a completion together, as the provider would have given it in one piece. */
export function assembleCompletion(events: readonly ServerSentEvent[]): ChunkAssembly {
  return assembleChunks(events, "text_completion", (index) => new Choice(index));
}

class Choice implements ChoiceAssembly {
  lossless = true;
  readonly #index: number;
  #text = "";
  /** Lists of one length, each with what it says of every token. */
  #logprobs: Record<string, readonly Json[]> | null | undefined;
  #finishReason: Json = null;

  constructor(index: number) {
    this.#index = index;
  }

  get finished(): boolean {
    return typeof this.#finishReason === "string" && this.#finishReason !== "";
  }

  add(choice: JsonObject): void {
    if (!hasOnly(choice, CHOICE_FIELDS)) this.lossless = false;
    const { text, logprobs, finish_reason: finishReason } = choice;
    if (typeof text === "string") this.#text += text;
    else if (text !== undefined && text !== null) this.lossless = false;
    if (finishReason !== undefined && finishReason !== null) this.#finishReason = finishReason;
    if (isJsonObject(logprobs)) this.#addLogprobs(logprobs);
    else if (logprobs === null) this.#logprobs ??= null;
    else if (logprobs !== undefined) this.lossless = false;
  }

  value(): Json {
    return {
      text: this.#text,
      index: this.#index,
      ...(this.#logprobs === undefined ? {} : { logprobs: this.#logprobs }),
      finish_reason: this.#finishReason,
    };
  }

  #addLogprobs(value: JsonObject): void {
    const known = { ...this.#logprobs };
    for (const [name, list] of Object.entries(value)) {
      if (Array.isArray(list)) known[name] = [...(known[name] ?? []), ...(list as readonly Json[])];
      else if (list !== null) this.lossless = false;
    }
    this.#logprobs = known;
  }
}
