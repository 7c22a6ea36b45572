import type { Fetch } from "@llmcache/fetch";

const GLOBAL_DISPATCHER: unique symbol = Symbol.for("undici.globalDispatcher.1") as never;

interface Dispatcher {
  dispatch(options: object, handler: object): boolean;
}

/** Waits as long as the model takes: the SDK sees to its time-outs itself. */
const PATIENT: Dispatcher = {
  dispatch(options, handler) {
    const { [GLOBAL_DISPATCHER]: dispatcher } = globalThis as { readonly [GLOBAL_DISPATCHER]?: Dispatcher };
    if (dispatcher === undefined) throw new TypeError("fetch failed: there is no dispatcher.");
    return dispatcher.dispatch({ ...options, headersTimeout: 0, bodyTimeout: 0 }, handler);
  },
};

/**
 * The global `fetch` without its five minutes for headers and for each piece of a body, as the SDK asks it where nobody gives it a `fetch`:
 * a client with a cache waits no shorter than one without.
 */
export const patientFetch: Fetch = (input, init) =>
  globalThis.fetch(input, { dispatcher: PATIENT, ...init } as typeof init);
