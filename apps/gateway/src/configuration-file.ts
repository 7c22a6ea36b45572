import { existsSync, readFileSync } from "node:fs";
import { basename, extname, resolve } from "node:path";
import { isMap, isScalar, LineCounter, parseDocument, type Document } from "yaml";
import { checkConfiguration } from "./configuration-schema.ts";
import { ConfigurationError, pathText, type Layer, type Path } from "./configuration.ts";
import { findSecret, type FoundSecret } from "./literal-secret.ts";

/** Looked for in the working folder, where no file is named. */
const FILES = ["llmcache.yaml", "llmcache.yml", "llmcache.json"] as const;

/**
 * The configuration file: the one that is named, else one of {@link FILES} in the folder; `undefined` if there is none.
 *
 * @throws ConfigurationError for a file that cannot be read, says what is no configuration, or holds a secret.
 */
export function readConfigurationFile(named: string | undefined, folder: string): Layer | undefined {
  const file = named ?? findFile(folder);
  if (file === undefined) return undefined;
  const shown = named ?? basename(file);
  let text: string;
  try {
    text = readFileSync(resolve(folder, file), "utf8");
  } catch (error) {
    const { code = String(error) } = error as NodeJS.ErrnoException;
    throw new ConfigurationError(`The configuration file ${shown} cannot be read (${code}).`);
  }
  return layerOf(text, shown);
}

function findFile(folder: string): string | undefined {
  const found = FILES.filter((name) => existsSync(resolve(folder, name)));
  if (found.length > 1)
    throw new ConfigurationError(
      `Keep one of ${found.join(" and ")}, or name the one that counts: --config ${found[0]}`,
    );
  return found[0];
}

function layerOf(text: string, shown: string): Layer {
  const lines = new LineCounter();
  // JSON is YAML, but for tabs: what is meant as JSON is read as JSON, and as YAML only to know the lines.
  const json = extname(shown) === ".json" ? jsonOf(text, shown) : undefined;
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, strict: true });
  const [error] = document.errors;
  if (json === undefined && error !== undefined) {
    const reason = (error.message.split("\n")[0] ?? "").replace(/\.$/, "");
    const { line } = lines.linePos(error.pos[0]);
    const hint = /:\s*(?:[,\]}].*)?$/.test(text.split("\n")[line - 1] ?? "")
      ? "; a text that ends in a colon needs quotes"
      : "";
    throw new ConfigurationError(`${shown}:${line} is no YAML: ${reason}${hint}.`);
  }
  const place = (path: Path): string => {
    const line = error === undefined ? lineOf(document, lines, path) : undefined;
    return line === undefined ? shown : `${shown}:${line}`;
  };
  const subject = (path: Path): string => `${place(path)}: ${path.length === 0 ? "it" : pathText(path)}`;
  const raw: unknown = json === undefined ? (yamlOf(document, shown) ?? {}) : json.value;
  const secret = findSecret(raw);
  if (secret !== undefined) throw new ConfigurationError(`${subject(secret.path)} ${adviceFor(secret)}`);
  return { values: checkConfiguration(raw, subject), source: place, subject };
}

function jsonOf(text: string, shown: string): { readonly value: unknown } {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    throw new ConfigurationError(`${shown} is no JSON.`);
  }
}

function yamlOf(document: Document.Parsed, shown: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 }) as unknown;
  } catch (error) {
    throw new ConfigurationError(`${shown} is no YAML: ${error instanceof Error ? error.message : String(error)}.`);
  }
}

/** Of the member's name, else of the innermost that there is around it. */
function lineOf(document: Document.Parsed, lines: LineCounter, path: Path): number | undefined {
  for (let length = path.length; length > 0; length--) {
    const step = path[length - 1];
    const parent: unknown = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true);
    const pair = isMap(parent)
      ? parent.items.find(({ key }) => (isScalar(key) ? String(key.value) : String(key)) === step)
      : undefined;
    const node: unknown = pair?.key ?? document.getIn(path.slice(0, length), true);
    const range = (node as { readonly range?: readonly number[] | null } | undefined)?.range;
    if (range?.[0] !== undefined) return lines.linePos(range[0]).line;
  }
  return undefined;
}

function adviceFor({ kind }: FoundSecret): string {
  switch (kind) {
    case "variable":
      return "must be the name of an environment variable, such as OPENAI_API_KEY, not the key itself: put the key into a variable, and its name here.";
    case "url":
      return "holds a password or a key, which does not belong into a file: put the URL into an environment variable, LLMCACHE_STORE or one that `tiers: [{ urlEnv: … }]` names.";
    case "member":
    case "text":
      return "looks like a key, which does not belong into a file: put it into an environment variable, and name that one here, as in `apiKeyEnv: OPENAI_API_KEY`.";
    default:
      return kind satisfies never;
  }
}
