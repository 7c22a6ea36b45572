import { place, settingAt } from "./arguments.ts";
import { checkConfiguration } from "./configuration-schema.ts";
import { ConfigurationError, type Layer, type Path } from "./configuration.ts";
import { OTHER_VARIABLES, SETTINGS, valueOf } from "./settings-table.ts";

/** The environment, or a part of it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A variable's value; one that is empty is not set. */
export function variable(env: Environment, name: string): string | undefined {
  const value = env[name];
  return value === undefined || value.trim() === "" ? undefined : value.trim();
}

/** The value of a variable that a configuration names. @throws ConfigurationError if it is not set */
export function required(env: Environment, name: string, subject: string): string {
  const value = variable(env, name);
  if (value === undefined) throw new ConfigurationError(`${subject} names the variable ${name}, which is not set.`);
  return value;
}

/** What the `LLMCACHE_…` variables say. @throws ConfigurationError naming the variable. */
export function readEnvironment(env: Environment): Layer {
  const raw: Record<string, unknown> = {};
  for (const setting of SETTINGS) {
    const value = variable(env, setting.env);
    if (value !== undefined) place(raw, setting, valueOf(setting.kind, value));
  }
  if (variable(env, "LLMCACHE_API_KEY") !== undefined) raw["keys"] = [{ name: "default", keyEnv: "LLMCACHE_API_KEY" }];
  const subject = (path: Path): string =>
    path[0] === "keys" ? "LLMCACHE_API_KEY" : (settingAt(path)?.env ?? path.join("."));
  return { values: checkConfiguration(raw, subject), source: subject, subject };
}

/** `LLMCACHE_…` variables that nothing reads: mistyped, perhaps. Those in `besides` are named by the configuration. */
export function unreadVariables(env: Environment, besides: ReadonlySet<string>): readonly string[] {
  const known = new Set([...SETTINGS.map((setting) => setting.env), ...OTHER_VARIABLES, ...besides]);
  return Object.keys(env).filter(
    (name) => name.startsWith("LLMCACHE_") && !name.startsWith("LLMCACHE_TEST_") && !known.has(name),
  );
}
