import { createHash } from "node:crypto";
import { formOf } from "./form.ts";
import { EVENT_STREAM_TYPE, openaiHeaders } from "./openai-headers.ts";
import type { RecordedRequest } from "./recorded-request.ts";
import type { ChatScript } from "./script.ts";
import { chop, encodeEvents } from "./sse.ts";
import { errorAnswer, jsonAnswer, type WireAnswer } from "./wire-answer.ts";

const FIRST_CREATED = 1_700_000_000;

/** Images that are none: bytes that name the request and their place. */
export async function imagesAnswer(request: RecordedRequest, script: ChatScript): Promise<WireAnswer> {
  const body = await fieldsOf(request).catch(() => undefined);
  if (body === undefined) return errorAnswer(request, { error: { status: 400, message: "The form cannot be read." } });
  const { form = body["response_format"] === "url" ? "url" : "b64_json", count } = script.images ?? {};
  const wanted = count ?? Number(body["n"] ?? 1);
  const digest = createHash("sha256").update(request.body).digest("hex");
  const images = Array.from({ length: wanted }, (_, index) => {
    const content = `image ${index} of request ${request.number}`;
    if (form === "url") return { url: `https://images.test/${digest}/${index}?expires=soon` };
    return { b64_json: Buffer.from(content).toString("base64") };
  });
  const created = script.created ?? FIRST_CREATED + request.number;
  if (String(body["stream"]) === "true") return imageEvents(request, images[0] ?? {}, created, script);
  const usage = { input_tokens: 5, output_tokens: 100, total_tokens: 105 };
  const said = typeof body["safety_identifier"] === "string" ? { safety_identifier: body["safety_identifier"] } : {};
  return jsonAnswer(request, 200, { created, data: images, ...said, usage }, script.headers);
}

async function fieldsOf(request: RecordedRequest): Promise<Record<string, unknown>> {
  if (request.path.endsWith("/generations")) return request.json() as Record<string, unknown>;
  return Object.fromEntries(await formOf(request));
}

function imageEvents(request: RecordedRequest, image: object, created: number, script: ChatScript): WireAnswer {
  const payloads = ["partial_image", "completed"].map((kind) =>
    JSON.stringify({ type: `image_generation.${kind}`, created_at: created, ...image }),
  );
  const stream = script.stream ?? {};
  return {
    status: 200,
    headers: openaiHeaders(EVENT_STREAM_TYPE, request.number, script.headers),
    chunks: encodeEvents(payloads, stream).map((event) => chop(event, stream.split)),
    pacing: stream,
  };
}
