import { storeAnywaySet, type CacheRequest, type Json } from "@llmcache/core";
import type { WireFormat } from "@llmcache/fetch";
import { ChunkedCall, usageToo, type ChunkedEndpoint } from "./chunked-call.ts";
import { assembleCompletion } from "./completions-assembly.ts";
import { completionEvents } from "./completions-events.ts";
import { COMPLETIONS_FIELDS } from "./completions-fields.ts";
import { judgeCompletion, wantedCompletions } from "./completions-gate.ts";
import { goesTo } from "./endpoint.ts";
import type { OpenAIFormatOptions } from "./format-options.ts";
import { requestReader, settingsOf, type Asked } from "./identity.ts";
import { unlessOtherModel } from "./other-model.ts";
import { STORE_ANYWAY } from "./store-anyway.ts";

const ENDPOINT = "/completions";
const CHAT_ENDPOINT = "/chat/completions";
const OPERATION = "completions";
const APART: ReadonlySet<string> = new Set(["model", "prompt"]);

/** The wire format of OpenAI's completions, the old ones of a bare text, and of all who speak it. */
export function openAICompletions(options: OpenAIFormatOptions = {}): WireFormat {
  const storeAnyway = storeAnywaySet(STORE_ANYWAY, options.storeAnyway);
  const read = requestReader({ endpoint: ENDPOINT, fields: COMPLETIONS_FIELDS }, options);
  return {
    name: "openai.completions",
    knows: (request) => goesTo(request, ENDPOINT) && !goesTo(request, CHAT_ENDPOINT),
    read(request, bytes) {
      const asked = read(request, bytes);
      const identity = asked && identify(asked);
      if (asked === undefined || identity === undefined) return undefined;
      const endpoint: ChunkedEndpoint = {
        judge: (answer, body) => unlessOtherModel(judgeCompletion(answer, body, storeAnyway), answer, asked.expected),
        wantedChoices: wantedCompletions,
        assemble: assembleCompletion,
        toEvents: completionEvents,
      };
      return new ChunkedCall(
        endpoint,
        identity,
        asked.body,
        options.askForUsage ? usageToo(request, asked) : undefined,
      );
    },
  };
}

/** What a body asks: everything but the few fields that cannot change the answer. */
function identify(asked: Asked): CacheRequest | undefined {
  const { prompt } = asked.counted;
  if (typeof prompt !== "string" && !isList(prompt)) return undefined;
  const { temperature } = asked.body;
  return {
    operation: OPERATION,
    ...asked.who,
    settings: settingsOf(asked, APART),
    prompt,
    shape: {
      turns: 1,
      tools: false,
      // Tokens and lists of texts are no text to compare; with echo the answer repeats the very prompt.
      attachments: typeof prompt !== "string" || asked.body["echo"] === true,
      ...(typeof temperature === "number" ? { temperature } : {}),
    },
  };
}

function isList(prompt: Json | undefined): prompt is readonly Json[] {
  return Array.isArray(prompt) && prompt.length > 0;
}
