/** Does a field of a call change the answer? `"elsewhere"`: it does, and stands in another member of the request. */
export type FieldRole = "counts" | "ignored" | "elsewhere";

/** The names of all fields that are settings of a request: those that count, known or not, and have a value. */
export function settingsOf(params: object, roles: Readonly<Record<string, FieldRole>>): Record<string, unknown> {
  const settings: Record<string, unknown> = {};
  for (const name of Object.keys(params)) {
    const value = (params as Readonly<Record<string, unknown>>)[name];
    if (value === undefined || (Object.hasOwn(roles, name) && roles[name] !== "counts")) continue;
    settings[name] = value;
  }
  return settings;
}
