import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { outcomesOf } from "@llmcache/fetch";
import { returnedHeaders } from "./proxy-headers.ts";

/** What a reason phrase may consist of (RFC 9112, section 4). */
const REASON = /^[\t\x20-\x7e\x80-\xff]+$/;
const NOTHING: Uint8Array = Buffer.alloc(0);

/**
 * Sends an answer as fast as its reader takes it. Whatever breaks it off breaks the connection off, so that a cut answer looks cut.
 * `sent` is told how many bytes of the body have gone. Rejects if the answer breaks off.
 */
export async function sendAnswer(
  response: ServerResponse,
  answer: Response,
  sent: (bytes: number) => void,
): Promise<void> {
  const { body, status, headers } = answer;
  const returned = returnedHeaders(headers);
  const begin = (): void => {
    // A stored answer has no reason phrase, and some are none: then Node's own stands there.
    if (REASON.test(answer.statusText)) response.writeHead(status, answer.statusText, returned);
    else response.writeHead(status, returned);
  };
  if (body === null || response.req.method === "HEAD") {
    await body?.cancel();
    begin();
    response.end();
    return;
  }
  if (isComplete(answer)) {
    const bytes = new Uint8Array(await answer.arrayBuffer());
    const hasLength = returned.some((text, index) => index % 2 === 0 && text === "content-length");
    if (!hasLength) returned.push("content-length", String(bytes.byteLength));
    begin();
    response.end(bytes);
    sent(bytes.byteLength);
    return;
  }
  begin();
  // Sends the headers in the bytes in which they came: `flushHeaders` writes what is not ASCII as UTF-8.
  response.write(NOTHING);
  const reader = body.getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      if (response.destroyed) return;
      const isFull = !response.write(next.value);
      sent(next.value.byteLength);
      if (isFull) await drained(response);
    }
    response.end();
  } finally {
    // Where it was read to its end this does nothing.
    await reader.cancel().catch(() => undefined);
  }
}

/** Is all of it there, so that nothing is waited for? What was asked for as a stream comes in pieces, whatever its type says it is. */
function isComplete(answer: Response): boolean {
  return outcomesOf(answer)?.every(({ value }) => !isStream(value)) === true;
}

function isStream(value: unknown): boolean {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}

/** Until the socket takes more, or is gone. */
async function drained(response: ServerResponse): Promise<void> {
  if (!response.writableNeedDrain || response.destroyed) return;
  const over = new AbortController();
  try {
    await Promise.race(["drain", "close"].map((event) => once(response, event, { signal: over.signal })));
  } finally {
    over.abort();
  }
}
