/** A name for models that are the same, by the name that a provider gives them; `undefined` for a model that has none. */
export type ModelAlias = Readonly<Record<string, string>> | ((model: string) => string | undefined);

/** The common name of a model, where it has one. */
export function aliasOf(model: string, alias: ModelAlias | undefined): string | undefined {
  if (alias === undefined) return undefined;
  const name = typeof alias === "function" ? alias(model) : Object.hasOwn(alias, model) ? alias[model] : undefined;
  return typeof name === "string" && name !== "" ? name : undefined;
}
