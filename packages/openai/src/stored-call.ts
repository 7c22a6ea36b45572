import type { CacheRequest, Json, RunNote, Verdict } from "@llmcache/core";
import type { ServerSentEvent, WireCall } from "@llmcache/fetch";
import { noteOf } from "./answer-note.ts";

/** What an endpoint says of its answers whose stored form is sent again as it came. */
export interface StoredCallRules {
  judge(answer: Json): Verdict;
  /** @default only JSON is stored */
  judgeOther?(answer: Uint8Array, contentType: string): Verdict;
  /** @default streams are not stored */
  judgeEvents?(events: readonly ServerSentEvent[]): Verdict;
  noteEvents?(events: readonly ServerSentEvent[]): RunNote;
  readonly streaming?: boolean;
}

/** A call whose form (in one piece, or as a stream) counts in its identity, so that nothing is converted. */
export function storedCall(request: CacheRequest, rules: StoredCallRules): WireCall {
  const { streaming = false } = rules;
  return {
    request,
    streaming,
    asStored: true,
    judge: (answer) => rules.judge(answer),
    ...(rules.judgeOther === undefined
      ? {}
      : { judgeOther: (answer: Uint8Array, type: string) => rules.judgeOther?.(answer, type) ?? "pass" }),
    judgeEvents: (events) => rules.judgeEvents?.(events) ?? "none",
    note: noteOf,
    noteEvents: (events) => rules.noteEvents?.(events) ?? {},
    endsStream: ({ data }) => data.trim() === "[DONE]",
    toAnswer: () => undefined,
    toEvents: () => undefined,
    adapt: () => undefined,
  };
}
