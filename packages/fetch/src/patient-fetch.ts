import type { Fetch } from "./upstream.ts";

const GLOBAL_DISPATCHER: unique symbol = Symbol.for("undici.globalDispatcher.1") as never;

interface Dispatcher {
  dispatch(options: object, handler: object): boolean;
}

/** A model may think for longer than the five minutes that `fetch` waits. */
const PATIENT: Dispatcher = {
  dispatch(options, handler) {
    const { [GLOBAL_DISPATCHER]: dispatcher } = globalThis as { readonly [GLOBAL_DISPATCHER]?: Dispatcher };
    if (dispatcher === undefined) throw new TypeError("fetch failed: there is no dispatcher.");
    return dispatcher.dispatch({ ...options, headersTimeout: 0, bodyTimeout: 0 }, handler);
  },
};

/**
 * The global `fetch` without its five minutes for headers and for each piece of a body: whoever asks decides how long to wait, by a signal. For SDKs that ask it
 * so where nobody gives them a `fetch`, and for gateways.
 */
export const patientFetch: Fetch = (input, init) =>
  globalThis.fetch(input, { dispatcher: PATIENT, ...init } as typeof init);
