import { LLMCacheError } from "@llmcache/core";

interface RedisErrorLike {
  readonly name?: unknown;
  readonly message?: unknown;
  readonly code?: unknown;
  readonly lastNodeError?: unknown;
}

/** What a person can do about it: the first line that fits the server's or the system's words. */
const ADVICE: readonly (readonly [words: RegExp, advice: string])[] = [
  [
    /WRONGPASS|invalid password/i,
    "the user name or the password is wrong: check username and password (or those in the URL, or REDIS_USERNAME and REDIS_PASSWORD)",
  ],
  [/NOAUTH/, "it wants a password and got none: give password (or put it into the URL, or into REDIS_PASSWORD)"],
  [
    /NOPERM|ACL failure/,
    "the user may not do this: grant it +get +mget +set +unlink +getrange +strlen +scan +eval +evalsha +info on the keys of the prefix (ACL SETUSER)",
  ],
  [
    /^OOM|used memory > 'maxmemory'/,
    "it is full: raise maxmemory, or let it drop what is old (maxmemory-policy allkeys-lru)",
  ],
  [/^READONLY/, "it is a replica and takes no writes: give the address of the master, or sentinels"],
  [/LOADING/, "it is still loading its data: try again in a moment"],
  [/CLUSTERDOWN|MASTERDOWN/, "no master serves this key at the moment: see CLUSTER INFO, or wait for the failover"],
  [/^(?:MOVED|ASK) /, "it is a node of a Redis Cluster: give nodes, or a Cluster client"],
  [/^MISCONF/, "it cannot save its data and therefore refuses writes: see the server's log"],
  [/^ERR syntax error/, "it does not know PXAT: Redis 6.2 or later is needed"],
  [/DB index is out of range|SELECT is not allowed in cluster mode/, "it has no such database: check db"],
  [/ENOTFOUND|EAI_AGAIN/, "the host name cannot be resolved: check host"],
  [/ECONNREFUSED|ENOENT/, "nothing listens there: check host and port, and that Redis runs"],
  [
    /SELF_SIGNED|self-signed|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/i,
    "its certificate is not one that this machine trusts: give its authority as tls: { ca }",
  ],
  [/ALTNAME_INVALID/, "its certificate is for another name: connect by that name, or give it as tls: { servername }"],
  [/CERT_HAS_EXPIRED/, "its certificate has expired: renew it on the server"],
  [
    /EPROTO|SSL routines|wrong version number/i,
    "it does not speak TLS on this port: leave tls out, or use redis: instead of rediss:",
  ],
  [
    /ETIMEDOUT|EHOSTUNREACH|ENETUNREACH/,
    "it cannot be reached: check host and port, and what is in between (firewall, security group)",
  ],
  [
    /refresh slots cache|startup nodes/i,
    "no node of the Cluster can be used: check nodes, and that the addresses which the nodes announce can be reached from here (options: { natMap } if not)",
  ],
  [
    /ECONNRESET|EPIPE|Connection is closed|Stream isn't writeable/i,
    "the connection was lost; if it never stands, check whether the server wants TLS (rediss:)",
  ],
];
/** These say only that something else went wrong before. */
const CONSEQUENCES =
  /Connection is closed|max retries per request|refresh slots cache|startup nodes|Too many Cluster redirections|Stream isn't writeable/i;
/** Answers of a server that nevertheless cannot be used. */
const NOT_USABLE = /^(?:WRONGPASS|NOAUTH|LOADING|CLUSTERDOWN|MASTERDOWN)/;

/** Did the server answer, if only to refuse? */
export function isReply(error: unknown): boolean {
  return (error as RedisErrorLike | undefined)?.name === "ReplyError";
}

/** Is the connection, not the command, what fails? */
export function isDown(error: unknown): boolean {
  return !isReply(error) || NOT_USABLE.test(textOf(error));
}

export function isWrongType(error: unknown): boolean {
  return isReply(error) && textOf(error).startsWith("WRONGTYPE");
}

export function isUnknownScript(error: unknown): boolean {
  return isReply(error) && textOf(error).startsWith("NOSCRIPT");
}

/** The server does not have this command (a proxy not for these keys), or this user may not use it. */
export function isRefusedCommand(error: unknown): boolean {
  return isReply(error) && /^NOPERM|^CROSSSLOT|unknown command|not allowed|not supported|disabled/i.test(textOf(error));
}

/** `before` is what the client complained of earlier, for errors that are only a consequence. */
export function redisError(what: string, where: string, error: unknown, before: unknown): LLMCacheError {
  const reason = rootOf(error, before);
  const text = textOf(reason);
  const advice = ADVICE.find(([words]) => words.test(text))?.[1];
  const message =
    advice === undefined ? `${where} failed to ${what}: ${text}.` : `${where} failed to ${what}: ${advice} (${text}).`;
  return new LLMCacheError("ERR_LLMCACHE_STORE", message, { cause: withoutSecrets(reason) });
}

/** Nothing came back. */
export function lateError(
  what: string,
  where: string,
  timeoutMs: number,
  status: string,
  before: unknown,
): LLMCacheError {
  if (before !== undefined) return redisError(what, where, before, undefined);
  const state =
    status === "ready"
      ? "it may be overloaded or frozen, or the network drops packets"
      : `the client is not connected (its status is "${status}"): see its "error" events, check host, port, tls and credentials`;
  return new LLMCacheError("ERR_LLMCACHE_STORE", `${where} did not ${what} within ${timeoutMs} ms: ${state}.`);
}

function rootOf(error: unknown, before: unknown): unknown {
  const { lastNodeError } = (error ?? {}) as RedisErrorLike;
  if (lastNodeError !== undefined && lastNodeError !== null) return rootOf(lastNodeError, before);
  return before !== undefined && CONSEQUENCES.test(textOf(error)) ? before : error;
}

/** Message and code. What a server repeats of a command it does not know may hold a password. */
function textOf(error: unknown): string {
  const { message, code } = (error ?? {}) as RedisErrorLike;
  const text = (typeof message === "string" ? message : String(error))
    .replace(/,? with args beginning with:.*/s, "")
    .replace(/\.$/, "");
  return typeof code === "string" && !text.includes(code) ? `${code}: ${text}` : text;
}

/** ioredis hangs the command and its arguments on an error: passwords, and what is stored. */
function withoutSecrets(error: unknown): Error {
  const { name, code } = (error ?? {}) as RedisErrorLike;
  const clean = new Error(textOf(error));
  if (typeof name === "string") clean.name = name;
  return typeof code === "string" ? Object.assign(clean, { code }) : clean;
}
