import { once } from "node:events";
import type { Server } from "node:http";
import type { Socket } from "node:net";

/** How often connections are looked at that have nothing to do any more. */
const LOOK_MS = 50;

/** The connections of a server, as long as they last. */
export function connectionsOf(server: Server): ReadonlySet<Socket> {
  const connections = new Set<Socket>();
  server.on("connection", (socket) => {
    connections.add(socket);
    socket.once("close", () => connections.delete(socket));
  });
  return connections;
}

/** Takes no more connections, lets answers under way end for so long, and closes what is left then. */
export async function closeServer(server: Server, connections: ReadonlySet<Socket>, graceMs: number): Promise<void> {
  if (!server.listening) {
    server.closeAllConnections();
    return;
  }
  const closed = once(server, "close");
  server.close();
  const closeIdle = (): void => {
    // A connection whose answer has ended is kept open by default.
    server.closeIdleConnections();
    // One that was opened beforehand, and on which nothing has come yet, is not idle to the server.
    for (const socket of connections) if (socket.bytesRead === 0) socket.destroy();
  };
  const look = setInterval(closeIdle, LOOK_MS);
  const end = setTimeout(() => server.closeAllConnections(), graceMs);
  closeIdle();
  await closed;
  clearInterval(look);
  clearTimeout(end);
}

/** The last one first, and all of them. Rejects with the first failure, afterwards. */
export async function closeAll(closing: readonly (() => Promise<void>)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const close of closing.toReversed()) await close().catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw failures[0];
}
