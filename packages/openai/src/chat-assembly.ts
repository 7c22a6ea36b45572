import type { Json, JsonObject } from "@llmcache/core";
import { isJsonObject, type ServerSentEvent } from "@llmcache/fetch";
import { assembleChunks, type ChoiceAssembly, type ChunkAssembly } from "./chunk-assembly.ts";
import { hasOnly, saysNothing } from "./json-shape.ts";

const CHOICE_FIELDS: ReadonlySet<string> = new Set(["index", "delta", "logprobs", "finish_reason"]);
const DELTA_FIELDS: ReadonlySet<string> = new Set([
  "role",
  "content",
  "refusal",
  "reasoning_content",
  "reasoning",
  "tool_calls",
  "function_call",
]);
const TEXT_FIELDS = ["content", "refusal", "reasoning_content", "reasoning"] as const;
const CALL_FIELDS: ReadonlySet<string> = new Set(["index", "id", "type", "function", "custom"]);
const FUNCTION_FIELDS: ReadonlySet<string> = new Set(["name", "arguments"]);
const CUSTOM_FIELDS: ReadonlySet<string> = new Set(["name", "input"]);

type Mutable = Record<string, Json | undefined>;

/** Puts the chunks of a chat completion together, as the provider would have given it in one piece. */
export function assembleChat(events: readonly ServerSentEvent[]): ChunkAssembly {
  return assembleChunks(events, "chat.completion", (index) => new Choice(index));
}

class Choice implements ChoiceAssembly {
  lossless = true;
  readonly #index: number;
  readonly #message: Mutable = { role: "assistant", content: null };
  readonly #calls: Map<number, Mutable> = new Map<number, Mutable>();
  #logprobs: Mutable | null | undefined;
  #finishReason: Json = null;

  constructor(index: number) {
    this.#index = index;
  }

  get finished(): boolean {
    return typeof this.#finishReason === "string" && this.#finishReason !== "";
  }

  add(choice: JsonObject): void {
    if (!hasOnly(choice, CHOICE_FIELDS)) this.lossless = false;
    const { delta, logprobs, finish_reason: finishReason } = choice;
    if (finishReason !== undefined && finishReason !== null) this.#finishReason = finishReason;
    if (logprobs !== undefined) this.#addLogprobs(logprobs);
    if (isJsonObject(delta)) this.#addDelta(delta);
    else if (delta !== undefined && delta !== null) this.lossless = false;
  }

  value(): Json {
    const calls = [...this.#calls].sort(([a], [b]) => a - b).map(([, call]) => call as Json);
    return {
      index: this.#index,
      message: { ...this.#message, ...(calls.length === 0 ? {} : { tool_calls: calls }) },
      ...(this.#logprobs === undefined ? {} : { logprobs: this.#logprobs }),
      finish_reason: this.#finishReason,
    };
  }

  #addDelta(delta: JsonObject): void {
    const message = this.#message;
    for (const [name, value] of Object.entries(delta)) if (!DELTA_FIELDS.has(name)) this.#keep(message, name, value);
    if (typeof delta["role"] === "string") message["role"] = delta["role"];
    for (const name of TEXT_FIELDS) this.#append(message, name, delta[name]);
    const { tool_calls: calls, function_call: call } = delta;
    if (Array.isArray(calls)) for (const each of calls as readonly Json[]) this.#addCall(each);
    if (isJsonObject(call))
      message["function_call"] = this.#named(message["function_call"], call, "arguments", FUNCTION_FIELDS);
  }

  #append(target: Mutable, name: string, value: Json | undefined): void {
    if (value === undefined) return;
    const known = target[name];
    if (value === null) {
      if (known === undefined) target[name] = null;
    } else if (typeof value !== "string") this.#keep(target, name, value);
    else target[name] = `${typeof known === "string" ? known : ""}${value}`;
  }

  /** What nobody knows is part of the answer, though not of one that can be told in the other form. */
  #keep(target: Mutable, name: string, value: Json | undefined): void {
    if (saysNothing(value)) return;
    this.lossless = false;
    if (saysNothing(target[name])) target[name] = value;
  }

  #addCall(value: Json): void {
    if (!isJsonObject(value)) {
      this.lossless = false;
      return;
    }
    if (typeof value["index"] !== "number" || !hasOnly(value, CALL_FIELDS)) this.lossless = false;
    // What has no number is a call of its own.
    const index = typeof value["index"] === "number" ? value["index"] : this.#calls.size;
    let call = this.#calls.get(index);
    if (call === undefined) this.#calls.set(index, (call = {}));
    for (const name of ["id", "type"] as const) {
      const part = value[name];
      if (typeof part === "string" && part !== "") this.#once(call, name, part);
    }
    if (isJsonObject(value["function"]))
      call["function"] = this.#named(call["function"], value["function"], "arguments", FUNCTION_FIELDS);
    if (isJsonObject(value["custom"]))
      call["custom"] = this.#named(call["custom"], value["custom"], "input", CUSTOM_FIELDS);
  }

  /** A name that comes once and a text that comes in pieces. */
  #named(known: Json | undefined, piece: JsonObject, textField: string, fields: ReadonlySet<string>): Json {
    if (!hasOnly(piece, fields)) this.lossless = false;
    const whole: Mutable = isJsonObject(known) ? { ...known } : {};
    if (typeof piece["name"] === "string" && piece["name"] !== "") this.#once(whole, "name", piece["name"]);
    this.#append(whole, textField, piece[textField]);
    return whole;
  }

  /** What comes again differently belongs to another call: some providers number all of them 0. */
  #once(target: Mutable, name: string, value: string): void {
    if (target[name] !== undefined && target[name] !== value) this.lossless = false;
    target[name] = value;
  }

  #addLogprobs(value: Json): void {
    if (value === null) {
      this.#logprobs ??= null;
      return;
    }
    if (!isJsonObject(value)) {
      this.lossless = false;
      return;
    }
    const known: Mutable = this.#logprobs ?? {};
    for (const [name, list] of Object.entries(value)) {
      const before = known[name];
      if (Array.isArray(list))
        known[name] = [...(Array.isArray(before) ? (before as readonly Json[]) : []), ...(list as readonly Json[])];
      else if (list === null || list === undefined) known[name] = before ?? null;
      else this.lossless = false;
    }
    this.#logprobs = known;
  }
}
