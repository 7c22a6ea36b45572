import { storeAnywaySet, type CacheRequest } from "@llmcache/core";
import type { FieldRole, WireFormat } from "@llmcache/fetch";
import { noteOf } from "./answer-note.ts";
import { TRANSCRIPTIONS_FIELDS, TRANSLATIONS_FIELDS } from "./audio-fields.ts";
import { doneEvent, judgePlainTranscript, judgeTranscript, judgeTranscriptEvents } from "./audio-gate.ts";
import { goesTo } from "./endpoint.ts";
import { formText } from "./form-identity.ts";
import type { OpenAIFormatOptions } from "./format-options.ts";
import { requestReader, settingsOf } from "./identity.ts";
import { STORE_ANYWAY } from "./store-anyway.ts";
import { storedCall } from "./stored-call.ts";

const ELSEWHERE: ReadonlySet<string> = new Set(["model", "file", "stream"]);

/** The wire format of OpenAI's audio transcriptions, in one piece or as a stream, and of all who speak it. */
export function openAITranscriptions(options: OpenAIFormatOptions = {}): WireFormat {
  return audio("/audio/transcriptions", "audio.transcriptions", TRANSCRIPTIONS_FIELDS, options);
}

/** The wire format of OpenAI's audio translations, and of all who speak it. */
export function openAITranslations(options: OpenAIFormatOptions = {}): WireFormat {
  return audio("/audio/translations", "audio.translations", TRANSLATIONS_FIELDS, options);
}

function audio(
  endpoint: string,
  operation: string,
  fields: Readonly<Record<string, FieldRole>>,
  options: OpenAIFormatOptions,
): WireFormat {
  const storeAnyway = storeAnywaySet(STORE_ANYWAY, options.storeAnyway);
  const reader = requestReader({ endpoint, fields }, options);
  return {
    name: `openai.${operation}`,
    knows: (request) => goesTo(request, endpoint),
    read(request, bytes) {
      const form = formText(request, bytes);
      const asked = form === undefined ? undefined : reader(request, form);
      const { file, response_format: format, stream } = asked?.counted ?? {};
      // A text in the place of a file may be an address, behind which anything may be.
      if (asked === undefined || typeof file !== "object" || file === null) return undefined;
      const identity: CacheRequest = {
        operation,
        ...asked.who,
        settings: { ...settingsOf(asked, ELSEWHERE), ...(stream === "false" ? {} : { stream }) },
        prompt: file,
        shape: { attachments: true },
      };
      return storedCall(identity, {
        streaming: stream === "true",
        judge: (answer) => judgeTranscript(answer, storeAnyway),
        judgeOther: (answer, type) => judgePlainTranscript(answer, type, format, storeAnyway),
        judgeEvents: (events) => judgeTranscriptEvents(events, storeAnyway),
        noteEvents: (events) => noteOf(doneEvent(events)),
      });
    },
  };
}
