import type { IncomingHttpHeaders } from "node:http";
import type { Api, Upstream } from "./gateway-options.ts";

/** Where a request may go, as far as its path and headers tell. */
export interface Way {
  readonly api: Api;
  /** The request's path and query, without an upstream's own path. */
  readonly path: string;
  /** In the order in which they are asked whether they have a model. Never empty. */
  readonly upstreams: readonly Upstream[];
  /** The model that stands in the path. */
  readonly model: string | undefined;
}

/** Nobody speaks this API. */
export interface NoWay {
  readonly api: Api;
  readonly message: string;
}

const ANTHROPIC_PATH = /^\/v1\/(?:messages|complete)(?:[/?]|$)/;
const GOOGLE_PATH = /\/v1(?:alpha|beta)\d*(?:[/?]|$)|\/models\/[^/?]+:[A-Za-z]/;
const GOOGLE_KEY = /[?&]key=/;
const MODEL_IN_PATH = /\/(?:models|deployments)\/([^/?:]+)/;
const VERSION = /^\/v\d+[a-z0-9]*(?=[/?]|$)/;
const ENDS_WITH_VERSION = /\/v\d+[a-z0-9]*$/;

/** Which API a request speaks: its path tells, and the headers that only one API has. */
export function apiOf(path: string, headers: IncomingHttpHeaders): Api {
  if (headers["anthropic-version"] !== undefined || ANTHROPIC_PATH.test(path)) return "anthropic";
  if (headers["x-goog-api-key"] !== undefined || GOOGLE_PATH.test(path)) return "google";
  const query = path.indexOf("?");
  return query >= 0 && GOOGLE_KEY.test(path.slice(query)) ? "google" : "openai";
}

/** Finds upstreams for requests. */
export class Routes {
  readonly #upstreams: readonly Upstream[];
  readonly #byPath: readonly { readonly prefix: string; readonly upstream: Upstream }[];
  readonly #byApi: Readonly<Record<Api, readonly Upstream[]>>;
  readonly #patterns: ReadonlyMap<Upstream, readonly RegExp[]>;

  constructor(upstreams: readonly Upstream[]) {
    const open = upstreams.filter(({ path }) => !path);
    this.#upstreams = upstreams;
    this.#byPath = upstreams.flatMap((upstream) =>
      upstream.path ? [{ prefix: `/${upstream.path.replace(/^\/+|\/+$/g, "")}`, upstream }] : [],
    );
    const speaking = (wanted: Api): readonly Upstream[] => open.filter(({ api }) => api === wanted);
    this.#byApi = { openai: speaking("openai"), anthropic: speaking("anthropic"), google: speaking("google") };
    this.#patterns = new Map(upstreams.map((upstream) => [upstream, (upstream.models ?? []).map(patternOf)]));
  }

  /** An upstream's own path decides before all else. */
  wayFor(path: string, headers: IncomingHttpHeaders): Way | NoWay {
    for (const { prefix, upstream } of this.#byPath) {
      if (!path.startsWith(prefix)) continue;
      const rest = path.slice(prefix.length);
      if (rest !== "" && !/^[/?]/.test(rest)) continue;
      return wayOver([upstream], upstream.api, rest.startsWith("/") ? rest : `/${rest}`);
    }
    const api = apiOf(path, headers);
    const upstreams = this.#byApi[api];
    return upstreams.length > 0 ? wayOver(upstreams, api, path) : { api, message: this.#speaksNot(api) };
  }

  /** Must the model be known to tell where the request goes? */
  needsModel({ upstreams, model }: Way): boolean {
    return model === undefined && upstreams.some(({ models, path }) => models !== undefined && !path);
  }

  /** The upstream for a model; of one that nobody names, the first without a list. A request without a model goes there too, or to the first. */
  choose({ upstreams, api }: Way, model: string | undefined): Upstream | NoWay {
    const [first] = upstreams;
    // One with a path of its own has all that comes there.
    if (upstreams.length === 1 && first?.path) return first;
    const named =
      model === undefined
        ? undefined
        : upstreams.find((each) => this.#patterns.get(each)?.some((pattern) => pattern.test(model)));
    const open = upstreams.find(({ models }) => models === undefined) ?? (model === undefined ? first : undefined);
    return named ?? open ?? { api, message: hasNot(model, upstreams) };
  }

  #speaksNot(api: Api): string {
    const there = this.#upstreams.map((upstream) => `${upstream.name} (${upstream.api}${at(upstream)})`);
    return `This gateway has no ${api} upstream for this path. It has ${there.join(", ") || "none"}.`;
  }
}

function at({ path }: Upstream): string {
  return path ? `, at /${path.replace(/^\/+|\/+$/g, "")}` : "";
}

function hasNot(model: string | undefined, upstreams: readonly Upstream[]): string {
  const there = upstreams.map(({ name, models = [] }) => `${name} (${models.join(", ")})`);
  return `No upstream of this gateway has the model ${JSON.stringify((model ?? "").slice(0, 100))}. There is ${there.join(", ")}.`;
}

function wayOver(upstreams: readonly Upstream[], api: Api, path: string): Way {
  const model = MODEL_IN_PATH.exec(path)?.[1];
  return { api, path, upstreams, model: model === undefined ? undefined : decoded(model) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** `*` stands for any text. */
function patternOf(model: string): RegExp {
  const parts = model.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join(".*")}$`, "s");
}

/**
 * The URL that a path of the gateway stands for. `/v1` is an OpenAI upstream's base URL; of the others it is the version at the end of
 * theirs, or (where they have none, as their SDKs are told it) part of the path. Any other path stands below the origin of an OpenAI
 * upstream, and below the base URL of the others.
 */
export function targetOf({ api, baseURL }: Pick<Upstream, "api" | "baseURL">, path: string): string {
  const base = baseURL.replace(/\/+$/, "");
  const version = VERSION.exec(path)?.[0];
  if (version !== undefined && (ENDS_WITH_VERSION.test(base) || (api === "openai" && version === "/v1")))
    return `${base}${path.slice(version.length)}`;
  if (api === "openai") return `${new URL(base).origin}${path}`;
  return `${base.replace(ENDS_WITH_VERSION, "")}${path}`;
}
