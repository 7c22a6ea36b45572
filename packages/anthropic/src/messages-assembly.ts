import type { Json, JsonObject } from "@llmcache/core";
import { hasInexactInteger, isJsonObject, parseJsonText, type ServerSentEvent } from "@llmcache/fetch";
import { BlockAssembly } from "./block-assembly.ts";
import { DELTA_MEMBERS, EVENT_MEMBERS, USAGE_MEMBERS } from "./stream-members.ts";

/** What the events of a Messages stream amount to. */
export interface MessageAssembly {
  /** The message as far as it came; `undefined` if not even that. */
  readonly message: JsonObject | undefined;
  /** The events are in an order, and of a kind, that makes one message. */
  readonly agrees: boolean;
  /** `message_stop` was there, every block has ended, and there is a stop reason. */
  readonly finished: boolean;
  /** The message says all that the events said. */
  readonly lossless: boolean;
  /** The provider reported an error in mid-stream, or sent what is no JSON. */
  readonly failed: boolean;
}

type Mutable = Record<string, Json | undefined>;

const FAILED: MessageAssembly = { message: undefined, agrees: false, finished: false, lossless: false, failed: true };

/** Puts the events of a stream together, as the provider would have given the message in one piece. */
export function assembleMessage(events: readonly ServerSentEvent[]): MessageAssembly {
  const assembly = new Assembly();
  for (const { event, data } of events) {
    // Only says that the connection is alive.
    if (event === "ping") continue;
    const value = parseJsonText(data);
    if (!isJsonObject(value) || event === "error" || value["type"] === "error") return FAILED;
    assembly.add(event, value);
    if (assembly.stopped) break;
  }
  return assembly.result();
}

class Assembly {
  stopped = false;
  #agrees = true;
  #lossless = true;
  #message: Mutable | undefined;
  readonly #blocks: BlockAssembly[] = [];

  /** Clients go by the name of an event, or by its type: the two have to be one. */
  add(name: string, event: JsonObject): void {
    const type = typeof event["type"] === "string" ? event["type"] : "";
    if (type !== name) this.#agrees = false;
    const members = EVENT_MEMBERS.get(type);
    if (members === undefined) {
      this.#lossless = false;
      return;
    }
    this.#expect(event, members);
    if (type === "message_start") return this.#start(event["message"]);
    if (this.#message === undefined) this.#agrees = false;
    else if (type === "message_delta") this.#finish(this.#message, event);
    else if (type === "message_stop") this.stopped = true;
    else this.#block(type, event);
  }

  result(): MessageAssembly {
    const blocks = this.#blocks;
    const message: Mutable | undefined = this.#message && {
      ...this.#message,
      content: blocks.map((block) => block.value()),
    };
    return {
      message,
      agrees: this.#agrees && blocks.every(({ complete }) => complete),
      finished: this.stopped && blocks.every(({ ended }) => ended) && typeof message?.["stop_reason"] === "string",
      lossless: this.#lossless && blocks.every(({ lossless }) => lossless) && !hasInexactInteger(message),
      failed: false,
    };
  }

  #start(message: Json | undefined): void {
    if (this.#message !== undefined || !isJsonObject(message)) {
      this.#agrees = false;
      return;
    }
    const { content } = message;
    if (!Array.isArray(content) || content.length > 0) this.#agrees = false;
    this.#message = { ...message };
  }

  #block(type: string, event: JsonObject): void {
    const { index } = event;
    if (type === "content_block_start") {
      const { content_block: block } = event;
      if (index === this.#blocks.length && isJsonObject(block)) this.#blocks.push(new BlockAssembly(block));
      else this.#agrees = false;
      return;
    }
    const block = typeof index === "number" ? this.#blocks[index] : undefined;
    if (block === undefined || block.ended) this.#agrees = false;
    else if (type === "content_block_stop") block.ended = true;
    else if (!isJsonObject(event["delta"]) || !block.add(event["delta"])) this.#agrees = false;
  }

  /** What is known only at the end. Counts are those of the whole message, not of what came since. */
  #finish(message: Mutable, event: JsonObject): void {
    const { delta, usage, context_management: management, input_transformations: transformations } = event;
    if (!isJsonObject(delta)) {
      this.#agrees = false;
      return;
    }
    this.#expect(delta, DELTA_MEMBERS);
    Object.assign(message, said(delta, message));
    if (isJsonObject(usage)) {
      this.#expect(usage, USAGE_MEMBERS);
      const known = message["usage"];
      const before = isJsonObject(known) ? known : {};
      message["usage"] = { ...before, ...said(usage, before) };
    } else if (usage !== undefined && usage !== null) this.#lossless = false;
    Object.assign(message, said({ context_management: management, input_transformations: transformations }, message));
  }

  #expect(value: JsonObject, members: ReadonlySet<string>): void {
    if (!Object.entries(value).every(([name, member]) => members.has(name) || member === null)) this.#lossless = false;
  }
}

/** Members that say something; one that says nothing (`null`) leaves what is known. */
function said(value: JsonObject, known: JsonObject): JsonObject {
  return Object.fromEntries<Json | undefined>(
    Object.entries(value).filter(([name, member]) => member !== undefined && (member !== null || !(name in known))),
  );
}
