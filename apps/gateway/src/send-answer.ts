import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { outcomesOf } from "@llmcache/fetch";
import { returnedHeaders } from "./proxy-headers.ts";

const EVENT_STREAM = /^\s*text\/event-stream\b/i;

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
    // A stored answer has no reason phrase: then Node's own stands there.
    if (answer.statusText === "") response.writeHead(status, returned);
    else response.writeHead(status, answer.statusText, returned);
  };
  if (body === null || response.req.method === "HEAD") {
    await body?.cancel();
    begin();
    response.end();
    return;
  }
  if (isComplete(answer)) {
    const bytes = new Uint8Array(await answer.arrayBuffer());
    if (!headers.has("content-length") || headers.has("content-encoding"))
      returned.push("content-length", String(bytes.byteLength));
    begin();
    response.end(bytes);
    sent(bytes.byteLength);
    return;
  }
  begin();
  response.flushHeaders();
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

/** Is all of it there, so that nothing is waited for? */
function isComplete(answer: Response): boolean {
  return outcomesOf(answer) !== undefined && !EVENT_STREAM.test(answer.headers.get("content-type") ?? "");
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
