import { storeAnywaySet, verdictOn, type CacheRequest, type Json, type JsonObject, type Verdict } from "@llmcache/core";
import { isJsonObject, type FieldRole, type WireFormat, type WireRequest } from "@llmcache/fetch";
import { goesTo } from "./endpoint.ts";
import { formText } from "./form-identity.ts";
import type { OpenAIFormatOptions } from "./format-options.ts";
import { requestReader, settingsOf } from "./identity.ts";
import { EDITS_FIELDS, GENERATIONS_FIELDS, VARIATIONS_FIELDS } from "./images-fields.ts";
import { STORE_ANYWAY, type StoreAnyway } from "./store-anyway.ts";
import { storedCall } from "./stored-call.ts";

const OPERATION = "images";

/** How a kind of request for images differs from the others. */
interface Kind {
  readonly endpoint: string;
  readonly fields: Readonly<Record<string, FieldRole>>;
  readonly isForm: boolean;
}

const KINDS: readonly Kind[] = [
  { endpoint: "/images/generations", fields: GENERATIONS_FIELDS, isForm: false },
  { endpoint: "/images/edits", fields: EDITS_FIELDS, isForm: true },
  { endpoint: "/images/variations", fields: VARIATIONS_FIELDS, isForm: true },
];

/**
 * The wire formats of OpenAI's images: generations, edits and variations, and of all who speak them. Streams pass untouched;
 * answers that name an address in the place of an image are not stored, for the address expires.
 */
export function openAIImages(options: OpenAIFormatOptions = {}): readonly WireFormat[] {
  return KINDS.map((kind) => imageFormat(kind, options));
}

function imageFormat({ endpoint, fields, isForm }: Kind, options: OpenAIFormatOptions): WireFormat {
  const storeAnyway = storeAnywaySet(STORE_ANYWAY, options.storeAnyway);
  const reader = requestReader({ endpoint, fields, modelless: true }, options);
  const bodyOf = (request: WireRequest, bytes: Uint8Array): Uint8Array | undefined =>
    isForm ? formText(request, bytes) : bytes;
  return {
    name: `openai${endpoint.replaceAll("/", ".")}`,
    knows: (request) => goesTo(request, endpoint),
    read(request, bytes) {
      const body = bodyOf(request, bytes);
      const asked = body === undefined ? undefined : reader(request, body);
      const question = asked?.counted["prompt"] ?? asked?.counted["image"];
      if (asked === undefined || question === undefined || question === null || wantsStream(asked.body))
        return undefined;
      const identity: CacheRequest = {
        operation: OPERATION,
        ...asked.who,
        settings: { endpoint, ...settingsOf(asked, new Set(["model"])) },
        // A list: a similar text has another image.
        prompt: [question],
      };
      return storedCall(identity, { judge: (answer) => judgeImages(answer, asked.body, storeAnyway) });
    },
  };
}

function wantsStream({ stream }: JsonObject): boolean {
  return stream !== undefined && stream !== null && stream !== false && stream !== "false";
}

/** Images, as many as were asked for, and no addresses. */
function judgeImages(answer: Json, { n }: JsonObject, storeAnyway: ReadonlySet<StoreAnyway>): Verdict {
  if (!isJsonObject(answer)) return "none";
  if (answer["error"] !== undefined && answer["error"] !== null) return "fail";
  const { data } = answer;
  if (!Array.isArray(data) || data.length === 0 || !(data as readonly Json[]).every(isImage)) return "pass";
  const wanted = n === undefined || n === null ? 1 : Number(n);
  return verdictOn(data.length < wanted ? ["fewer-choices"] : [], storeAnyway);
}

function isImage(each: Json): boolean {
  if (!isJsonObject(each)) return false;
  const { b64_json: image, url } = each;
  return typeof image === "string" && image !== "" && (url === undefined || url === null);
}
