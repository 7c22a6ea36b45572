import type { IncomingMessage } from "node:http";
import { Refusal, wrongField } from "./own-answer.ts";

const MOST_BYTES = 8 * 1024 * 1024;

/**
 * The JSON object in a request's body.
 *
 * @throws Refusal 413 above 8 MiB, 400 for what is no JSON object, or has members that are not known.
 */
export async function readObject(
  request: IncomingMessage,
  known: readonly string[],
): Promise<Readonly<Record<string, unknown>>> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.byteLength;
    if (length > MOST_BYTES) throw new Refusal(413, "too_large", `The body is longer than ${MOST_BYTES} bytes.`);
    chunks.push(chunk);
  }
  const value = parsed(Buffer.concat(chunks).toString("utf8"));
  if (!isObject(value)) throw wrongField("The body", "must be a JSON object.");
  for (const name of Object.keys(value))
    if (!known.includes(name))
      throw wrongField(JSON.stringify(name.slice(0, 40)), `is no field here; known are ${known.join(", ")}.`);
  return value;
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw wrongField("The body", "must be JSON.");
  }
}
