import type { IncomingMessage, ServerResponse } from "node:http";
import { isLLMCacheError, isReserved, LLMCacheError, type LLMCache, type Store, type StoreHit } from "@llmcache/core";
import type { AdminAccess } from "./admin-access.ts";
import { readObject } from "./admin-body.ts";
import { clearNamespace, invalidate, INVALIDATE_FIELDS } from "./admin-forget.ts";
import { countEntries, fieldsOf, flagOf, listEntries } from "./admin-listing.ts";
import { bodyView, entryView } from "./admin-view.ts";
import { warmUp, WARM_FIELDS } from "./admin-warm.ts";
import type { OwnEndpoint } from "./gateway-options.ts";
import { allowOnly, goneSignal, Refusal, sendFailure, sendJson, wrongField } from "./own-answer.ts";
import { shownURL } from "./secrets.ts";
import type { NamedStore } from "./store-probe.ts";
import { within } from "./within.ts";

/** What the admin API works on. */
export interface AdminOptions {
  readonly cache: LLMCache;
  readonly stores: readonly NamedStore[];
  readonly access: AdminAccess;
  readonly clock: () => number;
}

const MOST_COUNTED = 100_000;
const SHOW_MS = 30_000;

/** `/admin/…`: for whoever has the admin token, and not there without one. What it shows and removes is of all tenants. */
export function adminEndpoints(options: AdminOptions): readonly OwnEndpoint[] {
  const startedAt = options.clock();
  const handle: OwnEndpoint["handle"] = async (request, response, url) => {
    const signal = goneSignal(response);
    try {
      options.access.require(request);
      await answer(options, { request, response, url, signal, startedAt });
    } catch (error) {
      // What nobody reads cannot be told.
      if (!signal.aborted) sendFailure(response, error, urlsOf(options.stores));
    }
  };
  // Its own token opens it: callers' credentials do not. Nothing of it is anything that an upstream might know.
  return ["/admin", "/admin/"].map((path) => ({ path, isOpen: true, handle }));
}

interface Asked {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly signal: AbortSignal;
  readonly startedAt: number;
}

async function answer({ cache, stores, clock }: AdminOptions, asked: Asked): Promise<void> {
  const { request, response, url, signal, startedAt } = asked;
  const path = url.pathname.slice("/admin/".length);
  const [what = "", ...rest] = path.split("/");
  const name = rest.join("/");
  const asLines = /\bapplication\/(x-)?ndjson\b/i.test(request.headers.accept ?? "");
  const sweep = { response, asLines, signal, now: clock(), urls: urlsOf(stores) };
  switch (name === "" ? path : `${what}/`) {
    case "stats": {
      allowOnly(request, response, "GET");
      const { count } = fieldsOf(url.searchParams, ["count"]);
      const listed = flagOf("count", count) ? { listed: await countEntries(cache.store, MOST_COUNTED, signal) } : {};
      return sendJson(response, 200, {
        uptimeSeconds: Math.max(0, Math.floor((clock() - startedAt) / 1000)),
        cache: cache.stats(),
        stores: stores.map(storeView),
        ...listed,
      });
    }
    case "entries":
      allowOnly(request, response, "GET");
      return listEntries(cache.store, { response, query: url.searchParams, asLines, signal, now: clock() });
    case "entries/": {
      allowOnly(request, response, "GET", "DELETE");
      const id = idOf(name);
      if (request.method === "DELETE") {
        fieldsOf(url.searchParams, []);
        await cache.delete({ id });
        return sendJson(response, 200, { deleted: id });
      }
      return showEntry(cache, id, asked, clock());
    }
    case "invalidate": {
      allowOnly(request, response, "POST");
      return invalidate(cache, await readObject(request, INVALIDATE_FIELDS), sweep);
    }
    case "namespace/":
      allowOnly(request, response, "DELETE");
      fieldsOf(url.searchParams, []);
      return clearNamespace(cache, decodedName(name), sweep);
    case "warm":
      allowOnly(request, response, "POST");
      return warmUp(await readObject(request, WARM_FIELDS), request, response, signal);
    default:
      throw new Refusal(
        404,
        "not_found",
        "There is nothing here; there are stats, entries, entries/{id}, invalidate, namespace/{name} and warm.",
      );
  }
}

async function showEntry(cache: LLMCache, id: string, { response, url, signal }: Asked, now: number): Promise<void> {
  const fields = fieldsOf(url.searchParams, ["body", "prompts"]);
  const withBody = flagOf("body", fields["body"]);
  const prompts = flagOf("prompts", fields["prompts"]);
  const late = (): Error =>
    new LLMCacheError("ERR_LLMCACHE_STORE", `The ${cache.store.name} store gave no answer in ${SHOW_MS} ms.`);
  const found = await within(SHOW_MS, late, (own) => readFrom(cache.store, id, own), signal);
  const entry = found?.entry;
  if (entry === undefined || entry.id !== id || isReserved(entry))
    throw new Refusal(404, "not_found", "There is no entry of this id.");
  const { body, ...head } = entry;
  sendJson(response, 200, {
    ...entryView(head, body.size, now, { prompts }),
    ...(withBody ? { body: bodyView(body) } : {}),
  });
}

async function readFrom(store: Store, id: string, signal: AbortSignal): Promise<StoreHit | undefined> {
  try {
    return await store.get({ id }, { signal });
  } catch (error) {
    if (isLLMCacheError(error)) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new LLMCacheError("ERR_LLMCACHE_STORE", `The ${store.name} store failed to read: ${reason}`, {
      cause: error,
    });
  }
}

function urlsOf(stores: readonly NamedStore[]): readonly string[] {
  return stores.flatMap(({ url }) => url ?? []);
}

function storeView({ name, store, url, isWritten = true }: NamedStore): object {
  return {
    name,
    store: store.name,
    ...(url === undefined ? {} : { url: shownURL(url) }),
    match: store.match,
    expiry: store.expiry,
    isWritten,
    canList: store.entries !== undefined,
  };
}

function idOf(text: string): string {
  if (!/^[0-9a-f]{64}$/.test(text)) throw wrongField("id", "must be 64 hex digits, as in x-llmcache-key.");
  return text;
}

function decodedName(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw wrongField("name", "must be percent-encoded as in URLs.");
  }
}
