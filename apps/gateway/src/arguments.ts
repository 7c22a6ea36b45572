import { parseArgs } from "node:util";

/** What the command line says. */
export interface Arguments {
  readonly port: number;
  readonly cache: string;
  readonly ttl: string;
  readonly help: boolean;
}

const DEFAULT_PORT = 4141;
const DEFAULT_CACHE = ".cache";
const DEFAULT_TTL = "7d";

export const USAGE: string = `Usage: npm start -- [--port ${DEFAULT_PORT}] [--cache ${DEFAULT_CACHE}] [--ttl ${DEFAULT_TTL}]

  --port N      port on 127.0.0.1; 0 takes any that is free
  --cache PATH  the cache: a file ending in .db, or a directory for llmcache.db
  --ttl T       lifetime of what is stored: seconds, or such as 12h, 7d
  --help        this text

The upstream comes from OPENAI_BASE_URL and OPENAI_API_KEY; without either, a demo model on this machine answers.`;

/** @throws Error that names what is wrong with the command line. */
export function readArguments(args: readonly string[]): Arguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      port: { type: "string" },
      cache: { type: "string" },
      ttl: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  const port = values.port === undefined ? DEFAULT_PORT : Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error(`--port must be a number from 0 to 65535, not ${String(values.port)}.`);
  return { port, cache: values.cache ?? DEFAULT_CACHE, ttl: values.ttl ?? DEFAULT_TTL, help: values.help === true };
}
