const MS_PER_SECOND = 1000;

/**
 * How long a provider wants to be left alone: `retry-after-ms` or `Retry-After`, in milliseconds, seconds or as a date (RFC 9110,
 * section 10.2.3); `undefined` where there is none that can be read. @param now milliseconds since the epoch.
 */
export function retryAfterMs(header: (name: string) => string | undefined, now: number): number | undefined {
  const ms = numberOf(header("retry-after-ms"));
  if (ms !== undefined) return ms;
  const after = header("retry-after");
  if (after === undefined) return undefined;
  const seconds = numberOf(after);
  if (seconds !== undefined) return seconds * MS_PER_SECOND;
  const at = Date.parse(after);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\s*\d+(?:\.\d+)?\s*$/.test(text) ? Number(text) : undefined;
}
