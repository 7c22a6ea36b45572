import type { UsageScript } from "./script.ts";

/** What a script says of endpoints other than chat, each under a name of its own. */
export interface EndpointScripts {
  readonly response?: ResponsesScript;
  readonly embeddings?: EmbeddingsScript;
  readonly transcription?: TranscriptionScript;
  readonly moderation?: ModerationScript;
  readonly images?: ImagesScript;
  readonly message?: MessageScript;
  readonly gemini?: GeminiScript;
}

/** An answer to Gemini's `generateContent`, where the members that describe a chat answer do not say all. */
export interface GeminiScript {
  /** The parts, as they are. @default what content, toolCalls and reasoning say */
  readonly parts?: readonly Readonly<Record<string, unknown>>[];
  /** Members of the candidate that replace those it would have: `safetyRatings` … In a stream they come with the last chunk. */
  readonly candidate?: Readonly<Record<string, unknown>>;
  /** Members of the answer that replace those it would have: `promptFeedback`, `candidates` … */
  readonly members?: Readonly<Record<string, unknown>>;
}

/** An answer to Anthropic's `/messages`, where the members that describe a chat answer do not say all. */
export interface MessageScript {
  /** The blocks, as they are. @default what content, toolCalls, reasoning, refusal and annotations (as citations) say */
  readonly content?: readonly (Readonly<Record<string, unknown>> & { readonly type: string })[];
  /** Members of the message that replace those it would have: `stop_reason`, `container` … */
  readonly members?: Readonly<Record<string, unknown>>;
}

/** An answer to `/responses`, where the members that describe a chat answer do not say all. */
export interface ResponsesScript {
  /** The items, as they are. @default what content, toolCalls, reasoning, refusal and annotations say */
  readonly output?: readonly (Readonly<Record<string, unknown>> & { readonly type: string })[];
  /** Members of the Response that replace those it would have: `status`, `error` … */
  readonly members?: Readonly<Record<string, unknown>>;
}

/** An answer to `/embeddings`. Its vectors depend on model, dimensions and input alone. */
export interface EmbeddingsScript {
  /** In which order the items come; each keeps its index. @default "asked" */
  readonly order?: "asked" | "reversed" | "shuffled";
  /** How many items come, whatever was asked for. @default as many as were asked for */
  readonly count?: number;
  /** @default true */
  readonly indexes?: boolean;
  /**
   * How numbers are written where base64 is not asked for: `"shortest"`, the shortest decimals that are this float32; `"exact"`, the
   * float32 to its last digit; `"double"`, with digits that no float32 has. @default "shortest"
   */
  readonly numbers?: "shortest" | "exact" | "double";
  /** Numbers also where base64 is asked for, as providers send them that do not know it. @default false */
  readonly ignoreEncoding?: boolean;
  /** @default 8, or what the request's `dimensions` says */
  readonly dimensions?: number;
  /** Added to the texts before they are made vectors: another version of the model. @default "" */
  readonly version?: string;
  /** Token counts, or `false` for a provider that reports none. @default four characters, or one token, each */
  readonly usage?: UsageScript | false;
  /** Further members of the answer. */
  readonly extra?: Readonly<Record<string, unknown>>;
}

/** An answer to `/audio/transcriptions` and `/audio/translations`. */
export interface TranscriptionScript {
  /** @default "transcript of <bytes> bytes", with a digest of the file */
  readonly text?: string;
  /** @default "english" */
  readonly language?: string;
  /** Seconds. @default one for each thousand bytes, rounded up */
  readonly duration?: number;
  /** Whether the stream has its last event, `transcript.text.done`. @default true */
  readonly done?: boolean;
  /** JSON also where a stream is asked for, as whisper-1 sends it. @default false */
  readonly ignoreStream?: boolean;
}

/** An answer to `/moderations`. */
export interface ModerationScript {
  /** Which texts are flagged. @default those that hold the word "bad" */
  readonly flagged?: boolean;
}

/** An answer to `/images/…`. */
export interface ImagesScript {
  /** @default what the request's `response_format` says, else "b64_json" */
  readonly form?: "b64_json" | "url";
  /** @default the request's `n`, else 1 */
  readonly count?: number;
}
