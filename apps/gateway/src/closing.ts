import { once } from "node:events";
import type { Server } from "node:http";

/** How often connections are looked at that have nothing to do any more. */
const LOOK_MS = 50;

/** Takes no more connections, lets answers under way end for so long, and closes what is left then. */
export async function closeServer(server: Server, graceMs: number): Promise<void> {
  if (!server.listening) {
    server.closeAllConnections();
    return;
  }
  const closed = once(server, "close");
  server.close();
  // A connection whose answer has ended is kept open by default.
  const look = setInterval(() => server.closeIdleConnections(), LOOK_MS);
  const end = setTimeout(() => server.closeAllConnections(), graceMs);
  server.closeIdleConnections();
  await closed;
  clearInterval(look);
  clearTimeout(end);
}
