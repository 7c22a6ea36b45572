// Which port can a server of the tests have?
import { createServer } from "node:net";

const HOST = "127.0.0.1";
/** Below the ports that systems give to outgoing connections: a client that tries again and again must not meet itself. */
const [FIRST_PORT, LAST_PORT] = [12_000, 31_999];
const TRIES = 50;

/** A port of the loopback interface that nobody listens on now. */
export async function freePort() {
  for (let tries = 0; tries < TRIES; tries++) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT));
    if (await isFree(port)) return port;
  }
  throw new Error(`No free port was found between ${FIRST_PORT} and ${LAST_PORT}.`);
}

function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, HOST, () => server.close(() => resolve(true)));
  });
}
