import { currentCache, resolveCacheOption, type AnswerCache, type Body } from "@llmcache/core";
import { storedAnswer, type StoredAnswer, type WireCall, type WireFormat } from "@llmcache/fetch";
import type { OpenAI } from "openai";
import { hasHarmlessSetup, isUnchanged } from "./fast-client.ts";
import { isHarmless } from "./fast-options.ts";
import { GivenBody } from "./given-body.ts";
import { HitProps, type HitContent } from "./hit-props.ts";
import { whileLooking } from "./lookup-wait.ts";
import { insideOf, type ClientInside, type FinalOptions } from "./sdk-inside.ts";
import { sentBody } from "./sent-body.ts";

/** Where a path of the client leads. */
interface Target {
  readonly baseURL: string;
  readonly url: URL;
  /** `undefined` where only the wire path will do. */
  readonly format: WireFormat | undefined;
}

interface Decoded {
  readonly stored: StoredAnswer;
  readonly content: HitContent;
}

/** All that formats may ask of a request with a JSON body, where no other headers can matter. */
const HEADERS: Headers = new Headers({ "content-type": "application/json" });
const JSON_TYPE = /^[^;]*(?:application\/json|\+json)\s*(?:;|$)/i;
const MAX_TARGETS = 100;
/** Where a look into the store takes longer, the tenth of a millisecond that the wire costs is not worth a second look for each miss. */
const SLOW_MS = 5;
/** After so many of them in a row that found nothing … */
const MOST_SLOW = 3;
/** … the wire has all calls for so long. */
const PAUSE_MS = 10_000;

/**
 * Answers hits at the method, before the SDK builds a request. Whatever it is not sure to answer exactly as the wire would, it leaves to
 * the wire.
 */
export class FastPath {
  readonly #client: OpenAI;
  readonly #inside: ClientInside;
  readonly #cache: AnswerCache | undefined;
  readonly #formats: readonly WireFormat[];
  readonly #targets: Map<string, Target> = new Map<string, Target>();
  readonly #canStream: boolean;
  readonly #fetch: unknown;
  readonly #prepareOptions: unknown;
  #slow = 0;
  #pausedUntil = 0;

  constructor(
    client: OpenAI,
    cache: AnswerCache | undefined,
    formats: readonly WireFormat[],
    { canStream }: { readonly canStream: boolean },
  ) {
    this.#client = client;
    this.#inside = insideOf(client);
    this.#cache = cache;
    this.#formats = formats;
    this.#canStream = canStream;
    this.#fetch = this.#inside.fetch;
    // oxlint-disable-next-line typescript/unbound-method -- compared, not called
    this.#prepareOptions = this.#inside.prepareOptions;
  }

  /** What the SDK is to go on with, where the answer is stored; `undefined`: ask on the wire. Never rejects for a reason of its own. */
  async find(options: FinalOptions): Promise<HitProps | undefined> {
    const startedAt = performance.now();
    if (startedAt < this.#pausedUntil) return undefined;
    const { cache, control } = resolveCacheOption(options.cache ?? undefined, this.#cache);
    const using = cache ?? currentCache();
    if (using?.lookup === undefined || control.use === false || control.noCache === true) return undefined;
    const asked = this.#read(options);
    if (asked === undefined) return undefined;
    const { call, target } = asked;
    const signal = options.signal ?? undefined;
    const looking = using.lookup<Decoded>(call.request, { ...control, decode: (body) => decoded(body, call) });
    const outcome = await whileLooking(looking, options, signal);
    if (outcome === undefined) this.#foundNothing(startedAt);
    if (outcome === undefined || signal?.aborted === true) return undefined;
    const { stored, content } = outcome.value;
    tellParser(options, call);
    return new HitProps({ outcome, stored, call, control, url: target.url, content }, options);
  }

  #foundNothing(startedAt: number): void {
    const now = performance.now();
    this.#slow = now - startedAt > SLOW_MS ? this.#slow + 1 : 0;
    if (this.#slow >= MOST_SLOW) this.#pausedUntil = now + PAUSE_MS;
  }

  /** What the request asks; `undefined` for all that only the wire path can tell, or answer. */
  #read(options: FinalOptions): { readonly call: WireCall; readonly target: Target } | undefined {
    const inside = this.#inside;
    if (inside.fetch !== this.#fetch || inside.prepareOptions !== this.#prepareOptions) return undefined;
    if (!isUnchanged(this.#client) || !hasHarmlessSetup(inside) || !isHarmless(options)) return undefined;
    const target = this.#target(options.path);
    if (target?.format === undefined) return undefined;
    try {
      const body = sentBody(options.body);
      if (body === undefined) return undefined;
      const isStream = body.plain["stream"] === true;
      if (options.__metadata?.["streamFromBody"] !== true && (options.stream === true) !== isStream) return undefined;
      const request = { method: "POST", url: target.url, headers: HEADERS };
      const given = new GivenBody(body);
      // Lists are put together of many entries: the wire path does that.
      if (target.format.readList?.(request, given) !== undefined) return undefined;
      const call = target.format.read(request, given);
      if (call === undefined || call.streaming !== isStream) return undefined;
      return isStream && (!this.#canStream || call.more !== undefined) ? undefined : { call, target };
    } catch {
      // The wire path meets it again, and says what it means.
      return undefined;
    }
  }

  #target(path: unknown): Target | undefined {
    if (typeof path !== "string") return undefined;
    const { baseURL } = this.#inside;
    const known = this.#targets.get(path);
    if (known?.baseURL === baseURL) return known;
    if (this.#targets.size >= MAX_TARGETS) this.#targets.clear();
    const target = { baseURL, ...this.#lead(path) };
    this.#targets.set(path, target);
    return target;
  }

  #lead(path: string): Pick<Target, "url" | "format"> {
    const url = new URL(this.#inside.buildURL(path, undefined, undefined));
    const request = { method: "POST", url, headers: HEADERS };
    return { url, format: this.#formats.find((each) => each.knows(request)) };
  }
}

/** What the SDK would read from an entry; `undefined` where it would not give what was read as it is. */
function decoded(body: Body, call: WireCall): Decoded | undefined {
  const stored = storedAnswer(body, call);
  if (stored === undefined || stored.head.status !== 200) return undefined;
  const content = contentOf(stored, call);
  return content === undefined ? undefined : { stored, content };
}

function contentOf({ head, bytes }: StoredAnswer, call: WireCall): HitContent | undefined {
  if (call.streaming) return head.form === "events" ? { kind: "stream", bytes } : undefined;
  if (head.form !== "whole" || !JSON_TYPE.test(head.headers["content-type"] ?? "")) return undefined;
  try {
    const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const text = buffer.toString("utf8");
    return { kind: "answer", value: JSON.parse(text) as unknown };
  } catch {
    return undefined;
  }
}

/** What the SDK does while it builds a request, and its parsers rely on. */
function tellParser(options: FinalOptions, call: WireCall): void {
  const { __metadata: metadata } = options;
  const capture = metadata?.["captureResponseParser"];
  if (typeof capture === "function") capture(options);
  if (metadata?.["streamFromBody"] === true) options.stream = call.streaming;
}
