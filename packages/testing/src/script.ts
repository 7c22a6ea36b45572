import type { EndpointScripts } from "./endpoint-scripts.ts";
import type { RecordedRequest } from "./recorded-request.ts";

/** What the server answers to one request: a description of the answer, or a function of the request that gives one. */
export type Reply = ReplyScript | ((request: RecordedRequest) => ReplyScript | Promise<ReplyScript>);

/** A plain object that describes one answer. An empty object is the default chat answer, an echo. */
export type ReplyScript = ChatScript | ErrorScript | RawScript;

/** Header values by name. They win over what the server would send; `null` takes a header away. */
export type HeaderScript = Readonly<Record<string, string | readonly string[] | null>>;

/** What may be done to any answer on its way out. */
export interface DeliveryScript {
  /** Nothing is sent, not even headers, until this settles. See `createGate`. */
  readonly gate?: PromiseLike<unknown>;
  /** Nothing is sent until `server.release()`; then the rest of the script is answered. `server.close()` ends it too. */
  readonly hang?: boolean;
  /**
   * Destroys the connection before any byte was sent, right after the headers, or after this many bytes of the body.
   * A body that is shorter is sent whole and the connection destroyed where the answer would have ended.
   */
  readonly drop?: "before-headers" | "after-headers" | number;
}

/** In which pieces and at which moments the chunks of a body leave. */
export interface PacingScript {
  /** Milliseconds of real time before each chunk. A gate is nearly always the better choice. */
  readonly chunkDelayMs?: number;
  /**
   * Holds chunk `index` (from 0) until the promise settles; a bare promise holds the first chunk and so all of them.
   * The headers have been sent by then. See `createChunkGate`.
   */
  readonly gate?: PromiseLike<unknown> | ((index: number) => PromiseLike<unknown> | void);
  /**
   * Where the bytes of a chunk are cut; each part is one HTTP chunk and one write.
   * `"events"` does not cut, `"bytes"` sends single bytes, a number sends so many bytes at a time, `"utf8"` cuts inside
   * every multi-byte character, `"lines"` cuts inside field names, in the middle of lines and inside line ends.
   * @default "events"
   */
  readonly split?: "events" | "bytes" | "utf8" | "lines" | number;
  /** Destroys the connection after this many chunks were sent, at the latest where the answer would have ended. */
  readonly dropAfter?: number;
}

/** How a chat answer looks as an event stream. Without effect on a request that does not ask for a stream. */
export interface StreamScript extends PacingScript {
  /** @default "\n" */
  readonly newline?: "\n" | "\r\n" | "\r";
  /** `: ping` comments before the first event and between events. @default false */
  readonly comments?: boolean;
  /** Whether `data: [DONE]` ends the stream. @default true */
  readonly done?: boolean;
  /** After this many chunks an `{"error": …}` event is sent and the stream ends, without `[DONE]`. */
  readonly errorAfter?: number;
  /**
   * How the content is cut into deltas: so many parts of about the same length, or exactly these.
   * A list also is the content where none is given. Log probabilities have one token for each part, streamed or not.
   * @default words, in parts of at most eight characters
   */
  readonly pieces?: number | readonly string[];
  /** Random-looking padding in an `obfuscation` field, as OpenAI sends unless the request declines it. @default false */
  readonly obfuscation?: boolean;
}

/** A call to a function, or (with `input`) to a custom tool. */
export type ToolCallScript =
  | { readonly id?: string; readonly name: string; readonly arguments: string }
  | { readonly id?: string; readonly name: string; readonly input: string };

/** What one choice of a chat answer says. */
export interface ChoiceScript {
  /** @default an echo, `"answer 3 to: <last user text>"`; `null` next to tool calls or a refusal */
  readonly content?: string | null;
  readonly toolCalls?: readonly ToolCallScript[];
  /** Sent as `reasoning_content`, as DeepSeek and vLLM do. */
  readonly reasoning?: string;
  readonly refusal?: string;
  /** `true` and `false` overrule the request's `logprobs`. @default what the request says */
  readonly logprobs?: boolean;
  /** Sent as they are; in a stream, in a delta of their own before the last one. */
  readonly annotations?: readonly unknown[];
  /** @default "tool_calls" with tool calls, else "stop" */
  readonly finishReason?: string;
}

/** Token counts under their wire names. What is not given is estimated from the texts, at four characters a token. */
export interface UsageScript {
  readonly prompt_tokens?: number;
  readonly completion_tokens?: number;
  /** @default the sum of the two */
  readonly total_tokens?: number;
  readonly prompt_tokens_details?: Readonly<Record<string, number>>;
  readonly completion_tokens_details?: Readonly<Record<string, number>>;
  readonly [field: string]: unknown;
}

/** An answer in the format of chat completions, JSON or event stream as the request asks. */
export interface ChatScript extends ChoiceScript, DeliveryScript, EndpointScripts {
  /**
   * The choices, one by one, each on its own; the members of `ChoiceScript` beside it are then not used.
   * @default as many as the request's `n`, with " [choice 1]" and so on appended to the content of all but the first
   */
  readonly choices?: readonly ChoiceScript[];
  /** Token counts, or `false` for a provider that reports none. */
  readonly usage?: UsageScript | false;
  /** The model that answered. @default the request's, or the deployment in Azure's path */
  readonly model?: string;
  /** @default "chatcmpl-000003" for the third request */
  readonly id?: string;
  /** Seconds since the epoch. @default 1700000000 + the request's number */
  readonly created?: number;
  /** @default "fp_model_server" */
  readonly systemFingerprint?: string;
  /** @default "default" */
  readonly serviceTier?: string;
  /** Response headers, besides those that OpenAI sends. */
  readonly headers?: HeaderScript;
  readonly stream?: StreamScript;
  readonly error?: never;
  readonly raw?: never;
}

/** A refusal to answer, in OpenAI's error JSON. */
export interface ErrorScript extends DeliveryScript {
  readonly error: {
    readonly status: number;
    /** @default what OpenAI sends with this status */
    readonly type?: string;
    /** @default what OpenAI sends with this status */
    readonly code?: string | null;
    /** @default `null` */
    readonly param?: string | null;
    readonly message?: string;
    /** For instance `retry-after` (seconds) or `retry-after-ms`. */
    readonly headers?: HeaderScript;
  };
  readonly raw?: never;
}

/** Any HTTP answer, byte for byte. Nothing is added to its headers but what HTTP itself needs. */
export interface RawScript extends DeliveryScript {
  readonly raw: {
    /** @default 200 */
    readonly status?: number;
    readonly headers?: HeaderScript;
    /** A list is sent chunk by chunk, without a content length. */
    readonly body: string | Uint8Array | readonly (string | Uint8Array)[];
  };
  readonly stream?: PacingScript;
  readonly error?: never;
}
