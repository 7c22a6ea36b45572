import type { Json, JsonObject } from "@llmcache/core";
import { isJsonObject, parseJsonText, type ServerSentEvent } from "@llmcache/fetch";
import { hasOnly } from "./json-shape.ts";

/** What the events of a stream of chunks amount to. */
export interface ChunkAssembly {
  /** The answer as far as it came; `undefined` if not even that. */
  readonly answer: JsonObject | undefined;
  /** The answer says all that the events said. */
  readonly lossless: boolean;
  /** There is a choice, and each has its finish reason. */
  readonly finished: boolean;
  /** `[DONE]` was there. */
  readonly done: boolean;
  /** The provider reported an error in mid-stream, or sent what is no JSON. */
  readonly failed: boolean;
  /** The usage was there. */
  readonly usage: boolean;
}

/** One choice of an answer, put together from its pieces. */
export interface ChoiceAssembly {
  readonly lossless: boolean;
  readonly finished: boolean;
  add(choice: JsonObject): void;
  value(): Json;
}

/** What a chunk may hold that the answer put together holds too. */
export const CHUNK_FIELDS: ReadonlySet<string> = new Set([
  "id",
  "object",
  "created",
  "model",
  "service_tier",
  "system_fingerprint",
  "choices",
  "usage",
  // Padding against side channels: says nothing.
  "obfuscation",
]);
const SHARED_FIELDS = ["id", "created", "model", "service_tier", "system_fingerprint"] as const;

type Mutable = Record<string, Json | undefined>;

/** Puts the chunks of an answer together, as the provider would have given it in one piece: an object of the kind `object`. */
export function assembleChunks(
  events: readonly ServerSentEvent[],
  object: string,
  makeChoice: (index: number) => ChoiceAssembly,
): ChunkAssembly {
  const assembly = new Assembly(object, makeChoice);
  for (const event of events) {
    if (event.data.trim() === "[DONE]") {
      assembly.done = true;
      break;
    }
    assembly.add(event);
  }
  return assembly.result();
}

class Assembly {
  done = false;
  #failed = false;
  #lossless = true;
  #usage: Json | undefined;
  #head: Mutable | undefined;
  readonly #object: string;
  readonly #makeChoice: (index: number) => ChoiceAssembly;
  readonly #choices: Map<number, ChoiceAssembly> = new Map<number, ChoiceAssembly>();

  constructor(object: string, makeChoice: (index: number) => ChoiceAssembly) {
    this.#object = object;
    this.#makeChoice = makeChoice;
  }

  add(event: ServerSentEvent): void {
    const chunk = parseJsonText(event.data);
    if (!isJsonObject(chunk) || (chunk["error"] !== undefined && chunk["error"] !== null) || event.event === "error") {
      this.#failed = true;
      return;
    }
    if (!hasOnly(chunk, CHUNK_FIELDS)) this.#lossless = false;
    this.#head ??= {};
    for (const name of SHARED_FIELDS) this.#share(this.#head, name, chunk[name]);
    if (isJsonObject(chunk["usage"])) this.#usage = chunk["usage"];
    const { choices } = chunk;
    if (!Array.isArray(choices)) return;
    for (const choice of choices as readonly Json[]) this.#choice(choice);
  }

  result(): ChunkAssembly {
    const choices = [...this.#choices].sort(([a], [b]) => a - b).map(([, choice]) => choice);
    const head = this.#head;
    const answer: Mutable | undefined =
      head === undefined
        ? undefined
        : {
            object: this.#object,
            ...head,
            choices: choices.map((choice) => choice.value()),
            ...(this.#usage === undefined ? {} : { usage: this.#usage }),
          };
    return {
      answer,
      lossless: this.#lossless && choices.every((choice) => choice.lossless),
      finished: choices.length > 0 && choices.every((choice) => choice.finished),
      done: this.done,
      failed: this.#failed,
      usage: this.#usage !== undefined,
    };
  }

  /** The same on all chunks; some providers leave it out of the last one. */
  #share(head: Mutable, name: string, value: Json | undefined): void {
    if (value === undefined) return;
    const known = head[name];
    if (known === undefined || known === null || known === "") head[name] = value;
    else if (value !== null && value !== "" && value !== known) this.#lossless = false;
  }

  #choice(value: Json): void {
    const index = isJsonObject(value) ? value["index"] : undefined;
    if (!isJsonObject(value) || typeof index !== "number") {
      this.#lossless = false;
      return;
    }
    let choice = this.#choices.get(index);
    if (choice === undefined) this.#choices.set(index, (choice = this.#makeChoice(index)));
    choice.add(value);
  }
}
