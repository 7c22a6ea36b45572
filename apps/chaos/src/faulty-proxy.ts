import { once } from "node:events";
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What stands between a client and its server does with requests. */
export type Fault = { readonly delayMs: number } | { readonly status: number; readonly body: string };

/** An HTTP server in front of another one: hands everything on unchanged, signatures included, or fails as told. */
export class FaultyProxy implements AsyncDisposable {
  fault: Fault | undefined;
  readonly #server: Server;
  readonly #target: URL;

  private constructor(target: URL) {
    this.#target = target;
    this.#server = createServer((incoming, answer) => this.#take(incoming, answer));
  }

  static async start(target: string): Promise<FaultyProxy> {
    const proxy = new FaultyProxy(new URL(target));
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #take(incoming: IncomingMessage, answer: ServerResponse): void {
    const { fault } = this;
    if (fault === undefined) this.#handOn(incoming, answer);
    else if ("delayMs" in fault) this.#later(fault.delayMs, incoming, answer);
    else {
      incoming.resume();
      answer.writeHead(fault.status, { "content-type": "application/xml" }).end(fault.body);
    }
  }

  #later(delayMs: number, incoming: IncomingMessage, answer: ServerResponse): void {
    const timer = setTimeout(() => this.#handOn(incoming, answer), delayMs);
    answer.once("close", () => clearTimeout(timer));
  }

  #handOn(incoming: IncomingMessage, answer: ServerResponse): void {
    const { hostname, port } = this.#target;
    const { method, url, headers } = incoming;
    const outgoing = request({ hostname, port, method, path: url, headers, agent: false }, (reply) => {
      answer.writeHead(reply.statusCode ?? 502, reply.headers);
      reply.pipe(answer);
    });
    outgoing.on("error", () => answer.destroy());
    answer.once("close", () => outgoing.destroy());
    incoming.pipe(outgoing);
  }
}
