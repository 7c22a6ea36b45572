import type { CacheRequest, Json, Verdict } from "@llmcache/core";
import { isJsonObject, type FieldOf, type FieldRole, type WireFormat } from "@llmcache/fetch";
import type { ModerationCreateParams } from "openai/resources/moderations";
import { goesTo } from "./endpoint.ts";
import type { OpenAIFormatOptions } from "./format-options.ts";
import { requestReader, settingsOf, type Asked } from "./identity.ts";
import { isOtherModel } from "./other-model.ts";
import { storedCall } from "./stored-call.ts";

const ENDPOINT = "/moderations";
const OPERATION = "moderations";
const ELSEWHERE: ReadonlySet<string> = new Set(["model", "input"]);

/**
 * Every field of a request for a moderation that the SDK knows. The type check fails when the SDK gains one, until somebody decides
 * about it here. Fields that the SDK does not know count.
 */
export const MODERATIONS_FIELDS: Readonly<Record<FieldOf<ModerationCreateParams>, FieldRole>> = {
  input: "counts",
  model: "counts",
} satisfies Record<FieldOf<ModerationCreateParams>, FieldRole>;

/** The wire format of OpenAI's moderations, and of all who speak it. A list of texts is one question. */
export function openAIModerations(options: OpenAIFormatOptions = {}): WireFormat {
  const reader = requestReader({ endpoint: ENDPOINT, fields: MODERATIONS_FIELDS, modelless: true }, options);
  return {
    name: "openai.moderations",
    knows: (request) => goesTo(request, ENDPOINT),
    read(request, bytes) {
      const asked = reader(request, bytes);
      const { input } = asked?.counted ?? {};
      if (asked === undefined || input === undefined || input === null) return undefined;
      const identity: CacheRequest = {
        operation: OPERATION,
        ...asked.who,
        settings: settingsOf(asked, ELSEWHERE),
        // A list: what is similar is not as harmless.
        prompt: [input],
      };
      return storedCall(identity, { judge: (answer) => judgeModeration(answer, asked) });
    },
  };
}

/** A verdict on each text that was asked about, by the model that was asked. */
function judgeModeration(answer: Json, { body, expected }: Asked): Verdict {
  if (!isJsonObject(answer)) return "pass";
  if (answer["error"] !== undefined && answer["error"] !== null) return "fail";
  const { results, model } = answer;
  if (!Array.isArray(results) || results.length === 0) return "pass";
  if (!(results as readonly Json[]).every((each) => isJsonObject(each) && typeof each["flagged"] === "boolean"))
    return "pass";
  const { input } = body;
  const isTexts = Array.isArray(input) && input.every((text) => typeof text === "string");
  if (isTexts && results.length !== input.length) return "pass";
  return expected !== undefined && typeof model === "string" && isOtherModel(expected, model) ? "pass" : "store";
}
