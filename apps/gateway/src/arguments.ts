import { parseArgs } from "node:util";
import { checkConfiguration } from "./configuration-schema.ts";
import { ConfigurationError, type Layer, type Path } from "./configuration.ts";
import { holdsPassword } from "./literal-secret.ts";
import { SETTINGS, valueOf, type Setting } from "./settings-table.ts";

/** What the command line says. */
export interface Arguments {
  readonly layer: Layer;
  readonly config: string | undefined;
  readonly printConfig: boolean;
  readonly help: boolean;
}

const FLAG_WIDTH = 28;

/** The text of `--help`. */
export function usage(command: string): string {
  const lines = [
    ["--config FILE", "configuration file (llmcache.yaml, .yml or .json in this folder)"],
    ...SETTINGS.map(({ flag, value, help }) => [`--${flag}${value === "" ? "" : ` ${value}`}`, help]),
    ["--print-config", "print what is in force, and where it comes from"],
    ["--help", "this text"],
  ].map(([flag = "", help = ""]) => `  ${flag.padEnd(FLAG_WIDTH)} ${help}`);
  return `Usage: ${command} [options]

${lines.join("\n")}

Each has a variable too (LLMCACHE_PORT …), and most more is said in a configuration file; flags come before variables, and
variables before the file. Upstreams come from OPENAI_API_KEY and OPENAI_BASE_URL, ANTHROPIC_API_KEY and ANTHROPIC_BASE_URL,
GEMINI_API_KEY (or GOOGLE_API_KEY) and GOOGLE_GEMINI_BASE_URL; without any of these, a demo model on this machine answers.`;
}

/** @throws ConfigurationError that names what is wrong with the command line. */
export function readArguments(args: readonly string[]): Arguments {
  const values = parsed(args);
  const raw: Record<string, unknown> = {};
  for (const setting of SETTINGS) {
    const value = values[setting.flag];
    if (value === undefined) continue;
    place(raw, setting, typeof value === "string" ? valueOf(setting.kind, value) : value);
  }
  const subject = (path: Path): string => `--${settingAt(path)?.flag ?? path.join(".")}`;
  if (typeof raw["store"] === "string" && holdsPassword(raw["store"]))
    throw new ConfigurationError(
      "--store holds a password or a key, and others on this machine can read command lines: put the URL into LLMCACHE_STORE.",
    );
  return {
    layer: { values: checkConfiguration(raw, subject), source: subject, subject },
    config: values["config"] as string | undefined,
    printConfig: values["print-config"] === true,
    help: values["help"] === true,
  };
}

function parsed(args: readonly string[]): Readonly<Record<string, string | boolean | undefined>> {
  try {
    return parseArgs({
      args: [...args],
      options: {
        config: { type: "string" },
        "print-config": { type: "boolean" },
        help: { type: "boolean", short: "h" },
        ...Object.fromEntries(
          SETTINGS.map(({ flag, kind }) => [
            flag,
            { type: kind === "flag" ? ("boolean" as const) : ("string" as const) },
          ]),
        ),
      },
      allowNegative: true,
    }).values;
  } catch (error) {
    const [reason = ""] = (error instanceof Error ? error.message : String(error)).split(/\. |\n/);
    throw new ConfigurationError(`${reason.replace(/\.$/, "")}; --help lists what there is.`);
  }
}

/** The setting that a member belongs to. */
export function settingAt(path: Path): Setting | undefined {
  return SETTINGS.find((setting) => setting.path.every((step, index) => path[index] === step));
}

/** Puts a value where its setting belongs. */
export function place(raw: Record<string, unknown>, { path }: Setting, value: unknown): void {
  const [first, second] = path as readonly string[];
  if (first === undefined) return;
  if (second === undefined) raw[first] = value;
  else raw[first] = { ...(raw[first] as object | undefined), [second]: value };
}
