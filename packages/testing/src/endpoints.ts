import { countTokensAnswer, messagesAnswer } from "./anthropic-messages.ts";
import { transcriptionAnswer } from "./openai-audio.ts";
import { completionsAnswer } from "./openai-completions.ts";
import { embeddingsAnswer } from "./openai-embeddings.ts";
import { imagesAnswer } from "./openai-images.ts";
import { moderationsAnswer } from "./openai-moderations.ts";
import { responsesAnswer } from "./openai-responses.ts";
import type { RecordedRequest } from "./recorded-request.ts";
import type { ChatScript } from "./script.ts";
import { errorAnswer, type WireAnswer } from "./wire-answer.ts";

type Endpoint = (request: RecordedRequest, script: ChatScript) => WireAnswer | Promise<WireAnswer>;

const WITH_JSON: Readonly<Record<string, Endpoint>> = {
  "/responses": responsesAnswer,
  "/completions": completionsAnswer,
  "/embeddings": embeddingsAnswer,
  "/messages": messagesAnswer,
  "/messages/count_tokens": countTokensAnswer,
  "/moderations": moderationsAnswer,
  "/images/generations": imagesAnswer,
};

const WITH_FORMS: Readonly<Record<string, Endpoint>> = {
  "/audio/transcriptions": transcriptionAnswer,
  "/audio/translations": transcriptionAnswer,
  "/images/edits": imagesAnswer,
  "/images/variations": imagesAnswer,
};

/** The answer of an endpoint other than chat; `undefined` where there is none. */
export function endpointAnswer(
  request: RecordedRequest,
  script: ChatScript,
): WireAnswer | Promise<WireAnswer> | undefined {
  const endpoint = endpointOf(request, WITH_JSON);
  if (endpoint !== undefined && !isObject(request))
    return errorAnswer(request, { error: { status: 400, message: "The body of the request is not a JSON object." } });
  return (endpoint ?? endpointOf(request, WITH_FORMS))?.(request, script);
}

function isObject(request: RecordedRequest): boolean {
  try {
    const body = request.json();
    return typeof body === "object" && body !== null && !Array.isArray(body);
  } catch {
    return false;
  }
}

function endpointOf(request: RecordedRequest, endpoints: Readonly<Record<string, Endpoint>>): Endpoint | undefined {
  if (request.method !== "POST") return undefined;
  return Object.entries(endpoints).find(([path]) => request.path.endsWith(path))?.[1];
}
