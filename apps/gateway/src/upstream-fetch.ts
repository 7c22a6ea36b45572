import type { Fetch } from "@llmcache/fetch";

const GLOBAL_DISPATCHER: unique symbol = Symbol.for("undici.globalDispatcher.1") as never;

interface Dispatcher {
  dispatch(options: object, handler: object): boolean;
}

/** A model may think for longer than the five minutes that `fetch` waits: whoever asked decides how long. */
const PATIENT: Dispatcher = {
  dispatch(options, handler) {
    const { [GLOBAL_DISPATCHER]: dispatcher } = globalThis as { readonly [GLOBAL_DISPATCHER]?: Dispatcher };
    if (dispatcher === undefined) throw new TypeError("fetch failed: there is no dispatcher.");
    return dispatcher.dispatch({ ...options, headersTimeout: 0, bodyTimeout: 0 }, handler);
  },
};

/** The global `fetch`, which waits for as long as its caller does. */
export const upstreamFetch: Fetch = (input, init) =>
  globalThis.fetch(input, { dispatcher: PATIENT, ...init } as typeof init);
