import { createHash } from "node:crypto";
import type { TranscriptionScript } from "./endpoint-scripts.ts";
import { formOf, textField } from "./form.ts";
import { EVENT_STREAM_TYPE, openaiHeaders } from "./openai-headers.ts";
import { cut } from "./pieces.ts";
import type { RecordedRequest } from "./recorded-request.ts";
import type { ChatScript } from "./script.ts";
import { chop, encodeEvents } from "./sse.ts";
import { errorAnswer, jsonAnswer, textAnswer, type WireAnswer } from "./wire-answer.ts";
import { tokensIn } from "./token-count.ts";

const BYTES_A_SECOND = 1000;
const TEXT_TYPE = "text/plain; charset=utf-8";

/** What was understood of the file, decided before it is written in any format. */
interface Transcript {
  readonly text: string;
  readonly language: string;
  readonly duration: number;
}

/** A transcription or a translation, in the format that the form asks for. */
export async function transcriptionAnswer(request: RecordedRequest, script: ChatScript): Promise<WireAnswer> {
  const form = await formOf(request).catch(() => undefined);
  const file = form?.get("file");
  if (form === undefined || !(file instanceof Blob))
    return errorAnswer(request, { error: { status: 400, message: "The form has no file." } });
  const said = script.transcription ?? {};
  const transcript = await transcribe(file, said);
  if (textField(form, "stream") === "true" && said.ignoreStream !== true)
    return transcriptEvents(request, transcript, said, script);
  const format = textField(form, "response_format") ?? "json";
  const text = writtenAs(format, transcript);
  if (text !== undefined) return textAnswer(request, text, TEXT_TYPE, script.headers);
  return jsonAnswer(request, 200, jsonAs(format, transcript), script.headers);
}

async function transcribe(file: Blob, said: TranscriptionScript): Promise<Transcript> {
  const bytes = Buffer.from(await file.arrayBuffer());
  const digest = createHash("sha256").update(bytes).digest("hex").slice(0, 8);
  return {
    text: said.text ?? `transcript of ${bytes.length} bytes (${digest})`,
    language: said.language ?? "english",
    duration: said.duration ?? Math.ceil(bytes.length / BYTES_A_SECOND),
  };
}

function usageOf({ text }: Transcript): object {
  const output = tokensIn(text);
  return { type: "tokens", input_tokens: 10, output_tokens: output, total_tokens: 10 + output };
}

function writtenAs(format: string, { text, duration }: Transcript): string | undefined {
  const end = String(duration).padStart(2, "0");
  switch (format) {
    case "text":
      return `${text}\n`;
    case "srt":
      return `1\n00:00:00,000 --> 00:00:${end},000\n${text}\n\n`;
    case "vtt":
      return `WEBVTT\n\n00:00:00.000 --> 00:00:${end}.000\n${text}\n\n`;
    default:
      return undefined;
  }
}

function jsonAs(format: string, transcript: Transcript): object {
  const { text, language, duration } = transcript;
  const span = { id: 0, start: 0, end: duration, text };
  switch (format) {
    case "verbose_json":
      return {
        task: "transcribe",
        language,
        duration,
        text,
        segments: [
          {
            ...span,
            seek: 0,
            tokens: [50364],
            temperature: 0,
            avg_logprob: -0.28,
            compression_ratio: 1.2,
            no_speech_prob: 0.01,
          },
        ],
        usage: { type: "duration", seconds: duration },
      };
    case "diarized_json":
      return {
        task: "transcribe",
        duration,
        text,
        segments: [{ ...span, id: "seg_0", type: "transcript.text.segment", speaker: "A" }],
        usage: usageOf(transcript),
      };
    default:
      return { text, usage: usageOf(transcript) };
  }
}

function transcriptEvents(
  request: RecordedRequest,
  transcript: Transcript,
  said: TranscriptionScript,
  script: ChatScript,
): WireAnswer {
  const stream = script.stream ?? {};
  const deltas = cut(transcript.text, stream.pieces).map((delta) => ({ type: "transcript.text.delta", delta }));
  const done = { type: "transcript.text.done", text: transcript.text, usage: usageOf(transcript) };
  const payloads = [...deltas, ...(said.done === false ? [] : [done])].map((event) => JSON.stringify(event));
  return {
    status: 200,
    headers: openaiHeaders(EVENT_STREAM_TYPE, request.number, script.headers),
    chunks: encodeEvents(payloads, stream).map((event) => chop(event, stream.split)),
    pacing: stream,
  };
}
