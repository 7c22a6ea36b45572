import { Body, ownBytes } from "./body.ts";

/** Bytes that pin a larger buffer are copied out of it, unless the rest is no more than this part of them. */
const SLACK = 0.25;

/** For stores that keep bodies in the process: the body, whose bytes keep little else alive. */
export function withoutSlack(body: Body): Body {
  if (body.held === "value") return body;
  const bytes = body.bytes();
  const isSlack = bytes.buffer.byteLength - bytes.byteLength > bytes.byteLength * SLACK;
  return isSlack ? Body.stored(body.kind, ownBytes(bytes)) : body;
}
