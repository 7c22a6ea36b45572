import type { RecordedRequest } from "./recorded-request.ts";
import type { ChatScript } from "./script.ts";
import { jsonAnswer, type WireAnswer } from "./wire-answer.ts";

const DEFAULT_MODEL = "omni-moderation-latest";
const CATEGORIES = ["harassment", "harassment/threatening", "hate", "sexual", "self-harm", "violence"] as const;
const HIGH = 0.9;
const LOW = 0.000012;

interface ModerationRequest {
  readonly model?: unknown;
  readonly input?: unknown;
}

/** A verdict on each text; on parts of text and images, one on all of them. */
export function moderationsAnswer(request: RecordedRequest, script: ChatScript): WireAnswer {
  const { model, input } = request.json() as ModerationRequest;
  const texts: readonly unknown[] =
    Array.isArray(input) && input.every((each) => typeof each === "string") ? input : [input];
  const results = texts.map((text) => {
    const flagged = script.moderation?.flagged ?? JSON.stringify(text ?? "").includes("bad");
    const each = (value: (category: string) => unknown): object =>
      Object.fromEntries(CATEGORIES.map((category) => [category, value(category)]));
    return {
      flagged,
      categories: each((category) => flagged && category === "violence"),
      category_scores: each((category) => (flagged && category === "violence" ? HIGH : LOW)),
      category_applied_input_types: each(() => ["text"]),
    };
  });
  const id = script.id ?? `modr-${String(request.number).padStart(6, "0")}`;
  const named = script.model ?? (typeof model === "string" ? model : DEFAULT_MODEL);
  return jsonAnswer(request, 200, { id, model: named, results }, script.headers);
}
