import { isDeepStrictEqual } from "node:util";

type Schema = Readonly<Record<string, unknown>>;

const MAX_DEPTH = 200;

/**
 * Does a value break its JSON schema? Knows the keywords that structured outputs are described with (draft 7 and 2020-12); what it does not
 * know (formats, foreign references) breaks nothing: the AI SDK looks again.
 */
export function breaksSchema(schema: unknown, value: unknown): boolean {
  return breaks(schema, value, schema, 0);
}

function breaks(schema: unknown, value: unknown, root: unknown, depth: number): boolean {
  if (schema === false) return true;
  if (!isObject(schema) || depth > MAX_DEPTH) return false;
  const inner = (each: unknown, of: unknown): boolean => breaks(each, of, root, depth + 1);
  const reference = schema["$ref"];
  if (typeof reference === "string") {
    const target = resolved(reference, root);
    if (target !== undefined && inner(target, value)) return true;
  }
  return (
    breaksType(schema["type"], value) ||
    ("const" in schema && !isDeepStrictEqual(schema["const"], value)) ||
    (Array.isArray(schema["enum"]) && !schema["enum"].some((each) => isDeepStrictEqual(each, value))) ||
    breaksCombination(schema, value, inner) ||
    (typeof value === "number" && breaksNumber(schema, value)) ||
    (typeof value === "string" && breaksString(schema, value)) ||
    (Array.isArray(value) && breaksList(schema, value, inner)) ||
    (isObject(value) && breaksObject(schema, value, inner))
  );
}

type Inner = (schema: unknown, value: unknown) => boolean;

function breaksCombination(schema: Schema, value: unknown, inner: Inner): boolean {
  const { allOf, anyOf, oneOf, not } = schema;
  if (Array.isArray(allOf) && allOf.some((each) => inner(each, value))) return true;
  if (Array.isArray(anyOf) && anyOf.every((each) => inner(each, value))) return true;
  if (Array.isArray(oneOf) && oneOf.filter((each) => !inner(each, value)).length !== 1) return true;
  return not !== undefined && not !== false && isObject(not) && !inner(not, value);
}

function breaksType(type: unknown, value: unknown): boolean {
  if (typeof type === "string") return !isOfType(type, value);
  return Array.isArray(type) && !type.some((each) => isOfType(each, value));
}

function isOfType(type: unknown, value: unknown): boolean {
  switch (type) {
    case "null":
      return value === null;
    case "array":
      return Array.isArray(value);
    case "object":
      return isObject(value);
    case "integer":
      return Number.isInteger(value);
    case "number":
    case "string":
    case "boolean":
      return typeof value === type;
    default:
      return true;
  }
}

function breaksNumber(
  { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf }: Schema,
  value: number,
): boolean {
  if (typeof minimum === "number" && value < minimum) return true;
  if (typeof maximum === "number" && value > maximum) return true;
  if (typeof exclusiveMinimum === "number" && value <= exclusiveMinimum) return true;
  if (typeof exclusiveMaximum === "number" && value >= exclusiveMaximum) return true;
  // Of fractions only roughly: 0.3 is no multiple of 0.1 to a computer.
  if (typeof multipleOf !== "number" || multipleOf <= 0) return false;
  const quotient = value / multipleOf;
  return Math.abs(quotient - Math.round(quotient)) > 1e-6;
}

function breaksString({ minLength, maxLength, pattern }: Schema, value: string): boolean {
  if (typeof minLength === "number" || typeof maxLength === "number") {
    const { length } = Array.from(value);
    if (typeof minLength === "number" && length < minLength) return true;
    if (typeof maxLength === "number" && length > maxLength) return true;
  }
  return typeof pattern === "string" && matchOf(pattern)?.test(value) === false;
}

function matchOf(pattern: string): RegExp | undefined {
  try {
    return new RegExp(pattern, "u");
  } catch {
    return undefined;
  }
}

function breaksList(schema: Schema, value: readonly unknown[], inner: Inner): boolean {
  const { minItems, maxItems, uniqueItems, contains } = schema;
  if (typeof minItems === "number" && value.length < minItems) return true;
  if (typeof maxItems === "number" && value.length > maxItems) return true;
  if (
    uniqueItems === true &&
    value.some((item, at) => value.slice(0, at).some((other) => isDeepStrictEqual(item, other)))
  )
    return true;
  if (isObject(contains) && value.every((item) => inner(contains, item))) return true;
  const tuple =
    [schema["prefixItems"], schema["items"]].find((each): each is readonly unknown[] => Array.isArray(each)) ?? [];
  const others = Array.isArray(schema["items"]) ? schema["additionalItems"] : schema["items"];
  return value.some((item, at) => inner(at < tuple.length ? tuple[at] : others, item));
}

function breaksObject(schema: Schema, value: Schema, inner: Inner): boolean {
  const { required, additionalProperties, propertyNames, minProperties, maxProperties } = schema;
  if (Array.isArray(required) && required.some((name) => typeof name === "string" && !Object.hasOwn(value, name)))
    return true;
  const names = Object.keys(value);
  if (typeof minProperties === "number" && names.length < minProperties) return true;
  if (typeof maxProperties === "number" && names.length > maxProperties) return true;
  const properties = isObject(schema["properties"]) ? schema["properties"] : {};
  const patterns = Object.entries(isObject(schema["patternProperties"]) ? schema["patternProperties"] : {});
  return names.some((name) => {
    if (propertyNames !== undefined && inner(propertyNames, name)) return true;
    const own = Object.hasOwn(properties, name) ? [properties[name]] : [];
    const schemas = [
      ...own,
      ...patterns.filter(([pattern]) => matchOf(pattern)?.test(name) !== false).map(([, each]) => each),
    ];
    return (schemas.length === 0 ? [additionalProperties] : schemas).some((each) => inner(each, value[name]));
  });
}

/** A reference within the schema. */
function resolved(reference: string, root: unknown): unknown {
  if (reference !== "#" && !reference.startsWith("#/")) return undefined;
  let at: unknown = root;
  for (const step of reference.split("/").slice(1)) {
    const name = decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~");
    if ((!isObject(at) && !Array.isArray(at)) || !Object.hasOwn(at, name)) return undefined;
    at = (at as Schema)[name];
  }
  return at;
}

function isObject(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
