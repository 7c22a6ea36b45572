import type { LanguageModelV4StreamPart, LanguageModelV4StreamResult } from "@ai-sdk/provider";
import type { Json, Run } from "@llmcache/core";
import { pack, unpack, type Packed } from "./pack.ts";

/**
 * A part of a stream on its way through the cache, which shares JSON only: as it is, packed, or, where it tells a failure, by the number of
 * that failure. What cannot be packed goes as it is too: then nobody else reads along, and nothing is stored.
 */
export type Chunk =
  | LanguageModelV4StreamPart
  | { readonly packed: Packed; readonly type?: never }
  | { readonly failed: number; readonly name: string; readonly message: string; readonly type?: never };

/** What a call notes of the stream that it leads. */
export class LiveStream {
  /** When each part came, in ms since the first. */
  readonly at: number[] = [];
  readonly #failures: unknown[] = [];
  #began: number | undefined;

  /** The parts of a provider's stream. */
  async *chunks(opened: Promise<LanguageModelV4StreamResult>, run: Run): AsyncGenerator<Chunk> {
    const { stream } = await opened;
    const reader = stream.getReader();
    let isOver = false;
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) {
          isOver = true;
          return;
        }
        note(run, value);
        const now = Date.now();
        this.#began ??= now;
        this.at.push(Math.max(0, now - this.#began));
        yield this.#chunkOf(value);
      }
    } catch (error) {
      isOver = true;
      throw error;
    } finally {
      if (!isOver) void reader.cancel(run.signal.reason).catch(() => undefined);
    }
  }

  /** The part again; a failure is the error itself to who led the stream, and one like it to others. */
  partOf(chunk: Chunk): LanguageModelV4StreamPart {
    if (chunk.type !== undefined) return chunk;
    if ("packed" in chunk) return unpack(chunk.packed) as LanguageModelV4StreamPart;
    const { failed, name, message } = chunk;
    const own = failed in this.#failures ? this.#failures[failed] : Object.assign(new Error(message), { name });
    return { type: "error", error: own };
  }

  #chunkOf(part: LanguageModelV4StreamPart): Chunk {
    if (part.type === "error") {
      const { name, message } =
        part.error instanceof Error ? part.error : { name: "Error", message: String(part.error) };
      return { failed: this.#failures.push(part.error) - 1, name, message };
    }
    try {
      const packed = pack(part);
      return packed.special === undefined ? (packed.value as unknown as LanguageModelV4StreamPart) : { packed };
    } catch {
      return part;
    }
  }
}

export function isFailure(chunk: Chunk): boolean {
  return chunk.type === undefined && "failed" in chunk;
}

function note(run: Run, part: LanguageModelV4StreamPart): void {
  if (part.type === "response-metadata") run.note({ model: part.modelId });
  if (part.type === "finish") run.note({ tokens: tokensOf(part.usage) });
}

/** A provider's account, in the form of the cache's. */
export function tokensOf(usage: unknown): { input: number | undefined; output: number | undefined } | undefined {
  const { inputTokens, outputTokens } = (usage ?? {}) as {
    readonly inputTokens?: { readonly total?: number };
    readonly outputTokens?: { readonly total?: number };
  };
  return { input: inputTokens?.total, output: outputTokens?.total };
}

/** For comparing and storing: all chunks as parts. */
export function partsOfChunks(live: LiveStream, chunks: readonly Chunk[]): LanguageModelV4StreamPart[] {
  return chunks.map((chunk) =>
    chunk.type === undefined && "packed" in chunk
      ? // Of a copy: the log keeps its own.
        live.partOf({ packed: structuredClone(chunk.packed) as { value: Json } })
      : live.partOf(chunk),
  );
}
