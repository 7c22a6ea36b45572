/** The service that `HttpStore` talks to: values by path in memory, with the conditions of HTTP (RFC 9110, 13) and `Expires`. */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

interface Value {
  readonly bytes: Buffer;
  readonly etag: string;
  readonly expiresAt: number;
}

/** Listens on a free port of this machine. */
export async function startKeyValueServer(): Promise<{
  readonly url: string;
  readonly values: Map<string, Value>;
  close(): Promise<void>;
}> {
  const values = new Map<string, Value>();
  const server = createServer((request, response) => {
    // A caller who went away does not want an answer.
    answer(values, request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    values,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

async function answer(values: Map<string, Value>, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method, url: path = "/", headers } = request;
  const bytes = await buffer(request);
  // From here on nothing is waited for: others see each request whole or not at all.
  const found = values.get(path);
  const there = found !== undefined && found.expiresAt > Date.now() ? found : undefined;
  if (method === "GET") {
    response.writeHead(there ? 200 : 404, there && { etag: there.etag }).end(there?.bytes);
  } else if (method === "DELETE") {
    for (const name of path.endsWith("/") ? [...values.keys()] : [path]) if (name.startsWith(path)) values.delete(name);
    response.writeHead(204).end();
  } else if (method === "PUT") {
    const unmet =
      (headers["if-none-match"] === "*" && there) ||
      (headers["if-match"] !== undefined && headers["if-match"] !== there?.etag);
    const expiresAt = headers.expires === undefined ? Number.POSITIVE_INFINITY : Date.parse(headers.expires);
    if (!unmet) values.set(path, { bytes, etag: `"${createHash("sha256").update(bytes).digest("hex")}"`, expiresAt });
    response.writeHead(unmet ? 412 : 204).end();
  } else {
    response.writeHead(405).end("only GET, PUT and DELETE");
  }
}
