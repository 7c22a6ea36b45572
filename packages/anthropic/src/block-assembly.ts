import type { BetaRawContentBlockDelta } from "@anthropic-ai/sdk/resources/beta/messages/messages";
import type { RawContentBlockDelta } from "@anthropic-ai/sdk/resources/messages/messages";
import type { Json, JsonObject } from "@llmcache/core";
import { isJsonObject, parseJsonText, type FieldOf } from "@llmcache/fetch";
import { blockFormOf } from "./block-forms.ts";

type Deltas = RawContentBlockDelta | BetaRawContentBlockDelta;

/** The member of each delta that is a piece of its block; none where pieces are not put together here. */
const PIECES = {
  text_delta: "text",
  thinking_delta: "thinking",
  signature_delta: "signature",
  input_json_delta: "partial_json",
  citations_delta: "citation",
  compaction_delta: undefined,
} satisfies { readonly [Type in Deltas["type"]]: FieldOf<Deltas> | undefined };

/** One block of a message, put together from its pieces. */
export class BlockAssembly {
  ended = false;
  #lossless: boolean;
  readonly #block: Record<string, Json | undefined>;
  readonly #form: ReturnType<typeof blockFormOf>;
  #input: string | undefined;
  #hasPieces = false;

  constructor(block: JsonObject) {
    this.#block = { ...block };
    this.#form = blockFormOf(block);
    this.#lossless = this.#form !== undefined;
  }

  /** The block says all that its pieces said. */
  get lossless(): boolean {
    return this.#lossless && (this.#input === undefined || isJsonObject(this.#parsedInput()));
  }

  /** Providers send at least one piece of every text and of every call's input, be it empty: without one, they were lost. */
  get complete(): boolean {
    const { text, input } = this.#block;
    if (this.#form === "text") return this.#hasPieces || text !== "";
    return this.#form !== "call" || this.#hasPieces || !isJsonObject(input) || Object.keys(input).length > 0;
  }

  value(): Json {
    // What is no JSON stays the text that came, so that it can be seen.
    if (this.#input === undefined) return this.#block;
    return { ...this.#block, input: this.#parsedInput() ?? this.#input };
  }

  /** Adds a piece; `false` if it cannot be one of this block. One of a kind that nobody knows is left out. */
  add(delta: JsonObject): boolean {
    const { type } = delta;
    const member =
      typeof type === "string" && Object.hasOwn(PIECES, type) ? PIECES[type as keyof typeof PIECES] : undefined;
    if (typeof type !== "string" || member === undefined) {
      this.#lossless = false;
      return true;
    }
    if (Object.keys(delta).some((name) => name !== "type" && name !== member)) this.#lossless = false;
    const piece = delta[member];
    switch (type) {
      case "text_delta":
        this.#hasPieces = true;
        return this.#form === "text" && this.#append("text", piece);
      case "thinking_delta":
        return this.#form === "thinking" && this.#append("thinking", piece);
      case "signature_delta":
        return this.#form === "thinking" && this.#sign(piece);
      case "citations_delta":
        return this.#form === "text" && this.#cite(piece);
      default:
        this.#hasPieces = true;
        return this.#form === "call" && this.#say(piece);
    }
  }

  #append(name: string, piece: Json | undefined): boolean {
    const known = this.#block[name];
    if (typeof piece !== "string" || typeof known !== "string") return false;
    this.#block[name] = known + piece;
    return true;
  }

  /** A signature comes in one piece. */
  #sign(piece: Json | undefined): boolean {
    if (typeof piece !== "string" || (this.#block["signature"] ?? "") !== "") return false;
    this.#block["signature"] = piece;
    return true;
  }

  #cite(piece: Json | undefined): boolean {
    const known = this.#block["citations"] ?? [];
    if (!isJsonObject(piece) || !Array.isArray(known)) return false;
    this.#block["citations"] = [...(known as readonly Json[]), piece];
    return true;
  }

  #say(piece: Json | undefined): boolean {
    const { input } = this.#block;
    if (typeof piece !== "string" || !isJsonObject(input) || Object.keys(input).length > 0) return false;
    if (piece !== "") this.#input = (this.#input ?? "") + piece;
    return true;
  }

  #parsedInput(): Json | undefined {
    return parseJsonText(this.#input ?? "");
  }
}
