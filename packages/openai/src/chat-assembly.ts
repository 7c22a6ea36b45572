import type { Json, JsonObject } from "@llmcache/core";
import type { ServerSentEvent } from "@llmcache/fetch";
import { hasOnly, isObject, parseText } from "./json-shape.ts";

/** What the events of a chat stream amount to. */
export interface ChatAssembly {
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
export function assembleChat(events: readonly ServerSentEvent[]): ChatAssembly {
  const assembly = new Assembly();
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
  readonly #choices: Map<number, Choice> = new Map<number, Choice>();

  add(event: ServerSentEvent): void {
    const chunk = parseText(event.data);
    if (!isObject(chunk) || (chunk["error"] !== undefined && chunk["error"] !== null) || event.event === "error") {
      this.#failed = true;
      return;
    }
    if (!hasOnly(chunk, CHUNK_FIELDS)) this.#lossless = false;
    this.#head ??= {};
    for (const name of SHARED_FIELDS) this.#share(this.#head, name, chunk[name]);
    if (isObject(chunk["usage"])) this.#usage = chunk["usage"];
    const { choices } = chunk;
    if (!Array.isArray(choices)) return;
    for (const choice of choices as readonly Json[]) this.#choice(choice);
  }

  result(): ChatAssembly {
    const choices = [...this.#choices].sort(([a], [b]) => a - b).map(([, choice]) => choice);
    const head = this.#head;
    const answer: Mutable | undefined =
      head === undefined
        ? undefined
        : {
            object: "chat.completion",
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
    const index = isObject(value) ? value["index"] : undefined;
    if (!isObject(value) || typeof index !== "number") {
      this.#lossless = false;
      return;
    }
    let choice = this.#choices.get(index);
    if (choice === undefined) this.#choices.set(index, (choice = new Choice(index)));
    choice.add(value);
  }
}

class Choice {
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
    if (isObject(delta)) this.#addDelta(delta);
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
    if (!hasOnly(delta, DELTA_FIELDS)) this.lossless = false;
    const message = this.#message;
    if (typeof delta["role"] === "string") message["role"] = delta["role"];
    for (const name of TEXT_FIELDS) this.#append(message, name, delta[name]);
    const { tool_calls: calls, function_call: call } = delta;
    if (Array.isArray(calls)) for (const each of calls as readonly Json[]) this.#addCall(each);
    if (isObject(call))
      message["function_call"] = this.#named(message["function_call"], call, "arguments", FUNCTION_FIELDS);
  }

  #append(target: Mutable, name: string, value: Json | undefined): void {
    if (value === undefined) return;
    const known = target[name];
    if (value === null) {
      if (known === undefined) target[name] = null;
    } else if (typeof value !== "string") this.lossless = false;
    else target[name] = `${typeof known === "string" ? known : ""}${value}`;
  }

  #addCall(value: Json): void {
    const index = isObject(value) ? value["index"] : undefined;
    if (!isObject(value) || typeof index !== "number" || !hasOnly(value, CALL_FIELDS)) {
      this.lossless = false;
      return;
    }
    let call = this.#calls.get(index);
    if (call === undefined) this.#calls.set(index, (call = {}));
    for (const name of ["id", "type"] as const) {
      const part = value[name];
      if (typeof part === "string" && part !== "") this.#once(call, name, part);
    }
    if (isObject(value["function"]))
      call["function"] = this.#named(call["function"], value["function"], "arguments", FUNCTION_FIELDS);
    if (isObject(value["custom"]))
      call["custom"] = this.#named(call["custom"], value["custom"], "input", CUSTOM_FIELDS);
  }

  /** A name that comes once and a text that comes in pieces. */
  #named(known: Json | undefined, piece: JsonObject, textField: string, fields: ReadonlySet<string>): Json {
    if (!hasOnly(piece, fields)) this.lossless = false;
    const whole: Mutable = isObject(known) ? { ...known } : {};
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
    if (!isObject(value)) {
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
