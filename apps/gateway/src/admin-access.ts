import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { LLMCacheError } from "@llmcache/core";
import { Refusal } from "./own-answer.ts";

const LEAST_CHARS = 16;

/** Who may administrate: whoever sends the token, and no web page of another origin. */
export class AdminAccess {
  readonly #digest: Buffer | undefined;

  /** @throws LLMCacheError `ERR_LLMCACHE_OPTION` for a token that can be guessed, or cannot be sent. */
  constructor(token: string | undefined) {
    if (token === undefined) return;
    if (typeof token !== "string" || token.length < LEAST_CHARS || !/^[\x21-\x7e]+$/.test(token)) {
      throw new LLMCacheError(
        "ERR_LLMCACHE_OPTION",
        `adminToken must have ${LEAST_CHARS} characters at least, ASCII without white space; make one with: openssl rand -hex 32`,
      );
    }
    this.#digest = digestOf(token);
  }

  get isOn(): boolean {
    return this.#digest !== undefined;
  }

  /** @throws Refusal 404 where there is no token, 403 for web pages of other origins, 401 for all who do not send it. */
  require(request: IncomingMessage): void {
    if (this.#digest === undefined)
      throw new Refusal(404, "not_found", "There is nothing here: the gateway was started without an admin token.");
    refuseForeignPages(request);
    const sent = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? "")?.[1];
    // Digests have one length, and take no longer where more of the token is right.
    if (sent !== undefined && timingSafeEqual(digestOf(sent), this.#digest)) return;
    throw new Refusal(401, "unauthorized", "Send the admin token: Authorization: Bearer <token>.");
  }
}

/** @throws Refusal 403 for what a web page sends that the gateway itself did not serve. */
export function refuseForeignPages({ headers }: IncomingMessage): void {
  const { origin, host } = headers;
  const site = headers["sec-fetch-site"];
  const isForeign = origin !== undefined && (!URL.canParse(origin) || new URL(origin).host !== host?.toLowerCase());
  if (isForeign || site === "cross-site" || site === "same-site")
    throw new Refusal(403, "forbidden", "Requests from web pages of other origins are refused.");
}

function digestOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
