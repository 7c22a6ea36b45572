import { LLMCacheError } from "@llmcache/core";

/** What the URL of a server can say. */
export interface UrlParts {
  readonly host?: string;
  readonly port?: number;
  readonly username?: string;
  readonly password?: string;
  readonly db?: number;
  readonly tls?: true;
}

/** The URL itself is never repeated in a message, because it may hold a password. */
export function partsOf(url: string): UrlParts {
  const form = "url must be of the form redis://user:password@host:6379/0 (or rediss:)";
  if (typeof url !== "string" || !URL.canParse(url)) throw wrong(form);
  const { protocol, hostname, port, username, password, pathname, search, hash } = new URL(url);
  if (protocol !== "redis:" && protocol !== "rediss:") throw wrong(`${form}, not ${protocol}`);
  if (search !== "" || hash !== "") throw wrong(`${form}, without anything behind ? or #: give options as options`);
  const database = /^\/?(\d*)$/.exec(pathname)?.[1];
  if (database === undefined) throw wrong(`${form}: behind the host comes the number of a database, or nothing`);
  return withoutUndefined({
    host: hostname === "" ? undefined : hostname.replace(/^\[(.*)\]$/, "$1"),
    port: port === "" ? undefined : Number(port),
    username: username === "" ? undefined : decoded(username, form),
    password: password === "" ? undefined : decoded(password, form),
    db: database === "" ? undefined : Number(database),
    tls: protocol === "rediss:" ? true : undefined,
  });
}

function decoded(part: string, form: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw wrong(`${form}: user name and password must be percent-encoded`);
  }
}

/** About the options of the factory. */
export function wrong(what: string): LLMCacheError {
  return new LLMCacheError("ERR_LLMCACHE_OPTION", `redisStore: ${what}.`);
}

type Defined<T> = { [member in keyof T]: Exclude<T[member], undefined> };

/** For libraries that take a member that is `undefined` for one that is given. */
export function withoutUndefined<T extends object>(object: T): Partial<Defined<T>> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as Partial<Defined<T>>;
}
