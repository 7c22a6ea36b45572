import { isDeepStrictEqual } from "node:util";
import type { Candidate, GenerateContentResponse } from "@google/genai";
import type { Json, JsonObject } from "@llmcache/core";
import { hasInexactInteger, isJsonObject, parseJsonText, type ServerSentEvent } from "@llmcache/fetch";

/** What the events of a `streamGenerateContent` amount to. */
export interface GenerateAssembly {
  /** The answer as far as it came; `undefined` if not even that. */
  readonly answer: JsonObject | undefined;
  /** The answer says all that the events said, as an answer in one piece would. */
  readonly lossless: boolean;
  /** The provider reported an error in mid-stream, or sent what is no JSON. */
  readonly failed: boolean;
}

type Mutable = Record<string, Json | undefined>;
/** What the SDK adds to an answer itself, and works out of it. */
type SDKsOwn =
  | "sdkHttpResponse"
  | "automaticFunctionCallingHistory"
  | "text"
  | "data"
  | "functionCalls"
  | "executableCode"
  | "codeExecutionResult"
  | "initialPromptTokenCount";

/** Members of an answer: those of the last event; the same in all events; those put together. */
type Rule = "last" | "same" | "own";

const ANSWER = {
  candidates: "own",
  // Counts of the whole answer so far.
  usageMetadata: "last",
  createTime: "same",
  modelStatus: "same",
  modelVersion: "same",
  promptFeedback: "same",
  responseId: "same",
} satisfies Record<Exclude<keyof GenerateContentResponse, SDKsOwn>, Rule>;

const CANDIDATE = {
  content: "own",
  avgLogprobs: "same",
  citationMetadata: "same",
  continuationToken: "same",
  finishMessage: "same",
  finishReason: "same",
  groundingMetadata: "same",
  index: "same",
  logprobsResult: "same",
  safetyRatings: "same",
  tokenCount: "same",
  urlContextMetadata: "same",
} satisfies Record<keyof Candidate, Rule>;

/** Parts whose texts are one text: those that say nothing besides. */
const TEXT_MEMBERS: ReadonlySet<string> = new Set(["text", "thought"]);
const FAILED: GenerateAssembly = { answer: undefined, lossless: false, failed: true };

/** Puts the events of a stream together, as the provider would have given the answer in one piece. */
export function assembleGenerated(events: readonly ServerSentEvent[]): GenerateAssembly {
  const assembly = new Assembly();
  for (const { event, data } of events) {
    const chunk = parseJsonText(data);
    if (event !== "message" || !isJsonObject(chunk) || hasFailed(chunk)) return FAILED;
    assembly.add(chunk);
  }
  return assembly.result();
}

/** Does the provider say in this event that it has failed? */
export function hasFailed(chunk: Json | undefined): boolean {
  return isJsonObject(chunk) && (chunk["error"] ?? null) !== null;
}

class Assembly {
  #lossless = true;
  #answer: Mutable | undefined;
  readonly #candidates: Map<number, Mutable> = new Map<number, Mutable>();

  add(chunk: JsonObject): void {
    this.#answer ??= {};
    this.#take(this.#answer, chunk, ANSWER);
    const { candidates } = chunk;
    if (candidates === undefined || candidates === null) return;
    if (!Array.isArray(candidates)) this.#lossless = false;
    else for (const candidate of candidates as readonly Json[]) this.#candidate(candidate);
  }

  result(): GenerateAssembly {
    const answer = this.#answer;
    if (answer === undefined) return { answer: undefined, lossless: false, failed: false };
    const candidates = [...this.#candidates].sort(([a], [b]) => a - b).map(([, candidate]) => candidate as Json);
    const whole = { ...(candidates.length === 0 ? {} : { candidates }), ...answer };
    // Every answer in one piece says what was used.
    const lossless = this.#lossless && isJsonObject(answer["usageMetadata"]) && !hasInexactInteger(whole);
    return { answer: whole, lossless, failed: false };
  }

  /** The only candidate needs no number. */
  #candidate(value: Json): void {
    if (!isJsonObject(value)) {
      this.#lossless = false;
      return;
    }
    const index = typeof value["index"] === "number" ? value["index"] : 0;
    let known = this.#candidates.get(index);
    if (known === undefined) this.#candidates.set(index, (known = {}));
    this.#take(known, value, CANDIDATE);
    const { content } = value;
    if (content !== undefined && content !== null) this.#content(known, content);
  }

  #take(known: Mutable, value: JsonObject, rules: Readonly<Record<string, Rule>>): void {
    for (const [name, member] of Object.entries(value)) {
      if (member === undefined || member === null) continue;
      const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
      if (rule === "own") continue;
      if (rule === undefined) this.#lossless = false;
      if (rule !== "last" && known[name] !== undefined && !isDeepStrictEqual(known[name], member))
        this.#lossless = false;
      known[name] = member;
    }
  }

  #content(candidate: Mutable, content: Json): void {
    if (!isJsonObject(content) || Object.keys(content).some((name) => name !== "role" && name !== "parts")) {
      this.#lossless = false;
      return;
    }
    const before = isJsonObject(candidate["content"]) ? candidate["content"] : {};
    const { role = before["role"], parts } = content;
    if (before["role"] !== undefined && role !== before["role"]) this.#lossless = false;
    const list: Json[] = Array.isArray(before["parts"]) ? [...(before["parts"] as readonly Json[])] : [];
    if (Array.isArray(parts)) for (const part of parts as readonly Json[]) this.#part(list, part);
    else if (parts !== undefined && parts !== null) this.#lossless = false;
    const isSilent = list.length === 0 && parts === undefined && before["parts"] === undefined;
    candidate["content"] = { ...(isSilent ? {} : { parts: list }), ...(role === undefined ? {} : { role }) };
  }

  /** A text goes on where the last one ended; signatures stay with the part that they came with. */
  #part(list: Json[], part: Json): void {
    if (!isJsonObject(part)) {
      this.#lossless = false;
      return;
    }
    const call = part["functionCall"];
    // Arguments that come in pieces.
    if (isJsonObject(call) && ("partialArgs" in call || "willContinue" in call)) this.#lossless = false;
    const last = list.at(-1);
    if (isPlainText(part) && isPlainText(last) && part["thought"] === last["thought"])
      list[list.length - 1] = { ...last, text: last["text"] + part["text"] };
    else list.push(part);
  }
}

function isPlainText(part: Json | undefined): part is JsonObject & { readonly text: string } {
  return (
    isJsonObject(part) && typeof part["text"] === "string" && Object.keys(part).every((name) => TEXT_MEMBERS.has(name))
  );
}
