import { LLMCacheError } from "./errors.ts";
import { mayHoldMore, withOwnTexts } from "./own-texts.ts";
import { copyJson, estimateSize, findProblem, NotJson, type Json } from "./json.ts";

/** How an answer was stored: as a JSON value, or as bytes that only an adapter understands. */
export type BodyKind = "json" | "bytes";

/**
 * The answer of an entry. It holds either a value or its stored form, never both, and never shares structure with
 * anybody: memory keeps values and copies them, disk and network keep bytes, and what a wire format passes on is not parsed.
 */
export class Body {
  readonly kind: BodyKind;
  /** Bytes: exact where bytes are held, an estimate of the memory taken where a value is. */
  readonly size: number;
  /** What is held now: a store that keeps values asks before it converts. `text` is the JSON text of a value. */
  readonly held: "value" | "text" | "bytes";
  readonly #content: Json | Uint8Array;

  private constructor(kind: BodyKind, size: number, held: Body["held"], content: Json | Uint8Array) {
    this.kind = kind;
    this.size = size;
    this.held = held;
    this.#content = content;
  }

  /**
   * A copy of a JSON value, so that what the caller does to it later changes nothing. `-0` becomes `0`, as in JSON text.
   *
   * @throws LLMCacheError `ERR_LLMCACHE_VALUE`, naming the path, for what is no JSON (`undefined` inside, NaN, a Date …).
   */
  static json(value: unknown): Body {
    try {
      const copy = copyJson(value);
      return new Body("json", estimateSize(copy), "value", copy);
    } catch (error) {
      if (!(error instanceof NotJson)) throw error;
      const found = findProblem(value, "never");
      throw new LLMCacheError(
        "ERR_LLMCACHE_VALUE",
        found
          ? `Only JSON can be stored: at ${found.path}, ${found.problem}. Give encode and decode for other values.`
          : "Only JSON can be stored, and it must stay the same while it is read.",
      );
    }
  }

  /** A copy of bytes. Small ones are kept out of Node's shared pool, a slice of which would keep 64 kB alive. */
  static bytes(buffer: Uint8Array): Body {
    return Body.stored("bytes", ownBytes(buffer));
  }

  /** For stores: takes over bytes that {@link Body.bytes} of a body of this kind gave; they must not be changed afterwards. */
  static stored(kind: BodyKind, bytes: Uint8Array): Body {
    return new Body(kind, bytes.byteLength, "bytes", bytes);
  }

  /** For stores: the JSON text of a value, of so many bytes in UTF-8. Cheaper than bytes that have to be copied and decoded. */
  static text(text: string, size: number): Body {
    return new Body("json", size, "text", text);
  }

  /**
   * A private copy of the value, made anew each time.
   *
   * @throws LLMCacheError `ERR_LLMCACHE_VALUE` on a body of kind `bytes`; SyntaxError where stored bytes are no JSON.
   */
  json(): Json {
    if (this.kind !== "json") throw new LLMCacheError("ERR_LLMCACHE_VALUE", "This body holds bytes, not a JSON value.");
    if (this.held === "value") return copyJson(this.#content);
    const text =
      this.held === "text" ? (this.#content as string) : asBuffer(this.#content as Uint8Array).toString("utf8");
    return JSON.parse(text) as Json;
  }

  /** The stored form: JSON text in UTF-8, or the bytes. Borrowed: whoever hands it to a caller or a stream copies it. */
  bytes(): Uint8Array {
    if (this.held === "bytes") return this.#content as Uint8Array;
    return Buffer.from(this.held === "text" ? (this.#content as string) : JSON.stringify(this.#content), "utf8");
  }

  /** This body holding a value (of kind `bytes`: as it is), for stores that keep values. */
  asValue(): Body {
    return this.kind === "json" && this.held !== "value" ? Body.json(this.json()) : this;
  }

  /**
   * The same as a value with texts of its own, for stores that keep values for long: a text that a program has put together of many, or cut out
   * of a long one, holds all of those in memory.
   */
  asOwnValue(): Body {
    if (this.held !== "value") return this.asValue();
    const value = this.#content as Json;
    return mayHoldMore(value) ? new Body(this.kind, this.size, "value", withOwnTexts(value)) : this;
  }

  /** This body holding bytes: for stores that keep bytes. */
  asBytes(): Body {
    return this.held === "bytes" ? this : Body.stored(this.kind, ownBytes(this.bytes()));
  }
}

/** A copy with memory of its own. */
export function ownBytes(bytes: Uint8Array): Uint8Array {
  const copy = Buffer.allocUnsafeSlow(bytes.byteLength);
  copy.set(bytes);
  return copy;
}

/** The same memory as a Buffer. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** What a body holds, for whoever has no decoder: its value, or a copy of its bytes. */
export function plainValue(body: Body): unknown {
  return body.kind === "json" ? body.json() : ownBytes(body.bytes());
}
