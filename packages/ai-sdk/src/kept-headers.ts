/** Headers of an answer that say something about it, and not about the request that fetched it. */
const KEPT: ReadonlySet<string> = new Set(["content-type", "content-language", "openai-version"]);

/** Which headers are stored; `undefined` where there were none at all. */
export function keptHeaders(
  headers: Readonly<Record<string, string | undefined>> | undefined,
): Record<string, string> | undefined {
  if (headers === undefined) return undefined;
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined && KEPT.has(name.toLowerCase())) kept[name] = value;
  return kept;
}
