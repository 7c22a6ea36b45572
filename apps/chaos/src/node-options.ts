/** Options of Node with which a child process finds the same packages as this one: sources in tests, else what was built. */
export function nodeOptions(): string[] {
  if (process.env["VITEST"] !== undefined) return ["--conditions=@llmcache/source"];
  return process.execArgv.filter((option) => option.startsWith("--conditions"));
}
