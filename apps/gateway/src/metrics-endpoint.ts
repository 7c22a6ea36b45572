import type { IncomingMessage } from "node:http";
import { refuseForeignPages, type AdminAccess } from "./admin-access.ts";
import type { OwnEndpoint } from "./gateway-options.ts";
import type { GatewayMetrics } from "./metrics.ts";
import { allowOnly, Refusal, sendFailure, sendText } from "./own-answer.ts";

/**
 * Who may read `/metrics`. `loopback`: programs on this machine that ask for it by a name of loopback, if no proxy speaks for others
 * through them; others with the admin token. `open`: everybody who reaches the gateway. `token`: with the admin token only.
 */
export type MetricsAccess = "open" | "loopback" | "token";

/** Headers by which a proxy tells that it asks for somebody else. */
const PROXY_HEADERS = ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"] as const;
/** What proxies pass on as it was sent to them names the host that others know, and so does a page that came by a name of its own. */
const LOOPBACK_HOST = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i;

/**
 * `/metrics`, for Prometheus. Where there are none it is a 404 of the gateway's own: else who goes on asking would send the admin token
 * to an upstream.
 */
export function metricsEndpoint(
  metrics: GatewayMetrics | undefined,
  access: MetricsAccess | "off",
  admin: AdminAccess,
): OwnEndpoint {
  return {
    path: "/metrics",
    isOpen: true,
    async handle(request, response) {
      try {
        if (metrics === undefined) throw new Refusal(404, "not_found", "There is nothing here: metrics are off.");
        refuseForeignPages(request);
        allowOnly(request, response, "GET");
        if (access === "token" || (access === "loopback" && !isLocal(request))) requireToken(admin, request);
        sendText(response, 200, metrics.contentType, await metrics.text());
      } catch (error) {
        sendFailure(response, error);
      }
    },
  };
}

function requireToken(admin: AdminAccess, request: IncomingMessage): void {
  if (!admin.isOn)
    throw new Refusal(404, "not_found", "Metrics are for this machine only; with an admin token, for who sends it.");
  admin.require(request);
}

function isLocal({ socket, headers }: IncomingMessage): boolean {
  const address = socket.remoteAddress ?? "";
  const isLoopback = address === "::1" || /^(::ffff:)?127\./.test(address);
  return (
    isLoopback && LOOPBACK_HOST.test(headers.host ?? "") && PROXY_HEADERS.every((name) => headers[name] === undefined)
  );
}
