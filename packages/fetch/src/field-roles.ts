/** Does a field of a request change the answer, or what the answer says of the request? */
export type FieldRole = "counts" | "ignored";

/** The names of the fields of all members of a union: `keyof` alone gives those that all members have. */
export type FieldOf<Params> = Params extends unknown ? keyof Params : never;

/** The fields that do not count; all others do, known or not. */
export function ignoredFields(roles: Readonly<Record<string, FieldRole>>): ReadonlySet<string> {
  return new Set(Object.entries(roles).flatMap(([name, role]) => (role === "ignored" ? [name] : [])));
}
