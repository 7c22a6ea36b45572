import type { FinalOptions } from "./sdk-inside.ts";

/** Options of a request that change neither what is asked nor what becomes of the answer; `undefined` is harmless anywhere. */
const HARMLESS: ReadonlySet<string> = new Set([
  "method",
  "path",
  "body",
  "cache",
  "signal",
  "stream",
  "timeout",
  "maxRetries",
  "idempotencyKey",
  "__metadata",
  "__security",
]);
const HARMLESS_METADATA: ReadonlySet<string> = new Set(["helperMethod", "streamFromBody", "captureResponseParser"]);

/** Does a request with these options go where its path says, with nothing in it but its body, and is its answer read as usual? */
export function isHarmless(options: FinalOptions): boolean {
  const { method, signal, timeout, __metadata: metadata, __security: security } = options;
  for (const name in options) {
    if (!HARMLESS.has(name) && options[name as keyof FinalOptions] !== undefined) return false;
  }
  for (const name in metadata) if (!HARMLESS_METADATA.has(name)) return false;
  for (const name in security) if (name !== "bearerAuth" || security[name] !== true) return false;
  // The SDK refuses others.
  if ("timeout" in options && !(Number.isSafeInteger(timeout) && (timeout as number) > 0)) return false;
  if (signal !== undefined && signal !== null && !(signal instanceof AbortSignal)) return false;
  return typeof method === "string" && method.toUpperCase() === "POST";
}
