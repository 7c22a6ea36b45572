import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { wireAnswer, type WireAnswer } from "./wire-answers.ts";

// A provider that answers at once, in a process of its own: what is asked for stands in the first part of the path.
const answers = new Map<string, WireAnswer>();

const server = createServer((request, response) => {
  request.resume();
  request.once("end", () => answer(request, response));
});
server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
process.once("disconnect", () => process.exit());

function answer({ url = "/" }: IncomingMessage, response: ServerResponse): void {
  let known = answers.get(url);
  if (known === undefined) {
    known = wireAnswer(url);
    answers.set(url, known);
  }
  const [first, ...others] = known.parts;
  if (others.length === 0) {
    response.writeHead(200, { "content-type": known.type, "content-length": first!.length });
    response.end(first);
    return;
  }
  // Events of a stream come as chunks of their own, as from a provider.
  response.writeHead(200, { "content-type": known.type });
  for (const part of known.parts) response.write(part);
  response.end();
}
