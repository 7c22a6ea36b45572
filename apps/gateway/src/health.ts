import type { OwnEndpoint } from "./gateway-options.ts";
import { allowOnly, sendFailure, sendJson } from "./own-answer.ts";
import { probe, type NamedStore, type Probed } from "./store-probe.ts";

/** What the health endpoints go by. */
export interface HealthOptions {
  readonly stores: readonly NamedStore[];
  readonly storeDeadlineMs: number;
  readonly clock: () => number;
  /** Has the gateway begun to stop? */
  readonly isDraining: () => boolean;
}

/** Anybody may ask, as often as he likes: the stores are asked no more often than this. */
const READY_FOR_MS = 1000;

/** `/healthz`: the process answers. `/readyz`: so do all stores, and it is not about to stop. Both are open. */
export function healthEndpoints({ stores, storeDeadlineMs, clock, isDraining }: HealthOptions): readonly OwnEndpoint[] {
  let asked: { readonly at: number; readonly answer: Promise<readonly Probed[]> } | undefined;
  const answers = (): Promise<readonly Probed[]> => {
    const now = clock();
    if (asked === undefined || now < asked.at || now >= asked.at + READY_FOR_MS)
      asked = { at: now, answer: Promise.all(stores.map((store) => probe(store, storeDeadlineMs, false))) };
    return asked.answer;
  };
  return [
    {
      path: "/healthz",
      isOpen: true,
      async handle(request, response) {
        try {
          allowOnly(request, response, "GET");
          sendJson(response, 200, { status: "ok" });
        } catch (error) {
          sendFailure(response, error);
        }
      },
    },
    {
      path: "/readyz",
      isOpen: true,
      async handle(request, response) {
        try {
          allowOnly(request, response, "GET");
          if (isDraining()) return sendJson(response, 503, { status: "draining" });
          const down = (await answers()).filter(({ isUp }) => !isUp).map(({ name }) => name);
          if (isDraining()) return sendJson(response, 503, { status: "draining" });
          if (down.length === 0) sendJson(response, 200, { status: "ready" });
          else sendJson(response, 503, { status: "not ready", stores: down });
        } catch (error) {
          sendFailure(response, error);
        }
      },
    },
  ];
}
