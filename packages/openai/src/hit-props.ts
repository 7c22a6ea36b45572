import type { CacheControl, Outcome } from "@llmcache/core";
import { hitResponse, type StoredAnswer, type WireCall } from "@llmcache/fetch";
import { remember } from "./reject.ts";
import type { FinalOptions, ResponseProps } from "./sdk-inside.ts";

/** A stored answer that was found for a call at the method. */
export interface Hit {
  readonly outcome: Outcome<unknown>;
  readonly stored: StoredAnswer;
  readonly call: WireCall;
  readonly control: CacheControl;
  readonly url: URL;
  /** What the SDK would read from it. Handed out once. */
  readonly content: HitContent;
}

export type HitContent =
  | { readonly kind: "answer"; readonly value: unknown }
  /** Borrowed bytes of events. */
  | { readonly kind: "stream"; readonly bytes: Uint8Array };

const REQUEST_ID = "x-request-id";

/** What the SDK knows of an answer, for one that came from the cache: its Response is made when somebody asks for it. */
export class HitProps implements ResponseProps {
  readonly options: FinalOptions;
  readonly controller: AbortController;
  readonly requestSignal: AbortSignal | undefined;
  readonly retryOfRequestLogID: undefined;
  readonly startTime: number = Date.now();
  readonly outcomes: readonly Outcome<unknown>[];
  readonly #hit: Hit;
  #content: HitContent | undefined;
  #response: Response | undefined;
  #isRead = false;

  constructor(hit: Hit, options: FinalOptions) {
    const signal = options.signal ?? undefined;
    this.#hit = hit;
    this.#content = hit.content;
    this.options = options;
    this.controller = controllerFor(signal);
    this.requestSignal = signal;
    this.outcomes = [hit.outcome];
  }

  /** As the SDK names requests in what it logs. */
  get requestLogID(): string {
    return "log_cached";
  }

  /** The Response that the wire would have given; its body is used up if the answer has been read. */
  get response(): Response {
    if (this.#response === undefined) {
      const { outcome, stored, call, control, url } = this.#hit;
      this.#response = hitResponse(outcome, stored, call, control, url);
      remember(this.#response, this.outcomes);
      if (this.#isRead) useUp(this.#response);
    }
    return this.#response;
  }

  /** What was found, once; `undefined` where it has been taken, or the Response has: then that is to be read. */
  take(): HitContent | undefined {
    const content = this.#response === undefined ? this.#content : undefined;
    this.#content = undefined;
    if (content?.kind === "answer") this.#isRead = true;
    return content;
  }

  /** The stream is being read: its Response no longer can be. */
  readonly streamBegins = (): void => {
    this.#isRead = true;
    if (this.#response !== undefined) useUp(this.#response);
  };

  /**
   * The same for what the SDK does with an answer that has been read: it only asks for the id of the request, for which no Response
   * need be made.
   */
  forTransform(): ResponseProps {
    return new TransformProps(this);
  }
}

class TransformProps implements ResponseProps {
  readonly options: FinalOptions;
  readonly controller: AbortController;
  readonly requestSignal: AbortSignal | undefined;
  readonly requestLogID: string;
  readonly retryOfRequestLogID: undefined;
  readonly startTime: number;
  readonly #props: HitProps;

  constructor(props: HitProps) {
    this.#props = props;
    this.options = props.options;
    this.controller = props.controller;
    this.requestSignal = props.requestSignal;
    this.requestLogID = props.requestLogID;
    this.startTime = props.startTime;
  }

  get props(): HitProps {
    return this.#props;
  }

  get response(): Response {
    const props = this.#props;
    return new Proxy(NO_RESPONSE, {
      get: (_target, name) => (name === "headers" ? headersOf(props) : memberOf(props.response, name)),
    });
  }
}

/** Never looked at: it only says what it stands for. */
const NO_RESPONSE: Response = Object.create(Response.prototype) as Response;
const NO_HEADERS: Headers = Object.create(Headers.prototype) as Headers;

function headersOf(props: HitProps): Headers {
  const get = (name: string): string | null => (name === REQUEST_ID ? null : props.response.headers.get(name));
  return new Proxy(NO_HEADERS, {
    get: (_target, name) => (name === "get" ? get : memberOf(props.response.headers, name)),
  });
}

function memberOf(of: object, name: string | symbol): unknown {
  const member: unknown = Reflect.get(of, name, of);
  return typeof member === "function" ? (member.bind(of) as unknown) : member;
}

/** What a hit is to whoever has its props, in either form; `undefined` for an answer from the wire. */
export function hitProps(props: ResponseProps): HitProps | undefined {
  if (props instanceof HitProps) return props;
  return props instanceof TransformProps ? props.props : undefined;
}

/** Aborted by itself and by the caller's signal, like that of a request. */
function controllerFor(signal: AbortSignal | undefined): AbortController {
  const controller = new AbortController();
  if (signal === undefined) return controller;
  const value = AbortSignal.any([controller.signal, signal]);
  return Object.defineProperty(controller, "signal", { value, configurable: true });
}

function useUp({ body }: Response): void {
  if (body !== null && !body.locked) void body.cancel().catch(() => undefined);
}
