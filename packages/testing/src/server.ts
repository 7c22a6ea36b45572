import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { once } from "node:events";
import { answer, refuse, scriptFailure, type Service } from "./answer.ts";
import { Exchange } from "./exchange.ts";
import { recordRequest, type RecordedRequest } from "./recorded-request.ts";
import type { AddressInfo, Socket } from "node:net";
import type { Reply } from "./script.ts";

const DEFAULT_HOST = "127.0.0.1";
const ANY_PORT = 0;
const DEFAULT_MODELS: readonly string[] = ["gpt-4o", "gpt-4o-mini"];
const ECHO: Reply = {};

export interface ModelServerOptions {
  /** 0 takes any free port. @default 0 */
  readonly port?: number;
  /** @default "127.0.0.1" */
  readonly host?: string;
  /**
   * The keys that may ask, as `authorization: Bearer …` or as Azure's `api-key`; everybody else gets a 401.
   * @default everybody may ask
   */
  readonly apiKeys?: readonly string[];
  /** The standing answer at the start and after `reset()`. @default an echo */
  readonly reply?: Reply;
  /** The ids that `GET /v1/models` lists. @default ["gpt-4o", "gpt-4o-mini"] */
  readonly models?: readonly string[];
  /** The clock behind `RecordedRequest.at`, in ms since the epoch. @default Date.now */
  readonly now?: () => number;
}

/** A running model server. Whoever started it closes it. */
export interface ModelServer extends AsyncDisposable {
  /** For instance "http://127.0.0.1:40123". */
  readonly url: string;
  /** What a client takes as its base URL: `url` and "/v1". */
  readonly baseURL: string;
  readonly port: number;
  /** What has arrived since the start or the last `reset()`, in order; those turned away included. */
  readonly requests: readonly RecordedRequest[];
  /** How many requests have arrived; with a path, those whose path is or ends with it. */
  count(path?: string): number;
  /** Sets the standing answer: what is answered when nothing is enqueued. */
  reply(reply: Reply): void;
  /** Sets the answers to the next requests, one each, in order of arrival. Requests turned away (401, no JSON) take none. */
  enqueue(...replies: Reply[]): void;
  /** Lets every answer go on that hangs by `hang: true`, of the requests that have arrived. */
  release(): void;
  /** Forgets requests, queue and standing answer. Answers under way go on. */
  reset(): void;
  /** The `n`-th request since the start or the last `reset()`, as soon as it has arrived. Rejects when the server is closed before. */
  waitFor(n: number): Promise<RecordedRequest>;
  /** Stops listening, destroys all connections and resolves when nothing is left. Calling it again gives the same promise. */
  close(): Promise<void>;
}

/** Starts a model server. Rejects with Node's own error when the port cannot be had. */
export async function startModelServer(options: ModelServerOptions = {}): Promise<ModelServer> {
  const host = options.host ?? DEFAULT_HOST;
  const server = createServer();
  server.listen(options.port ?? ANY_PORT, host);
  await once(server, "listening");
  return new RunningModelServer(server, host, options);
}

interface Waiter {
  readonly n: number;
  resolve(request: RecordedRequest): void;
  reject(error: Error): void;
}

class RunningModelServer implements ModelServer {
  readonly url: string;
  readonly baseURL: string;
  readonly port: number;
  readonly #server: Server;
  readonly #service: Service;
  readonly #initialReply: Reply;
  readonly #now: () => number;
  readonly #sockets = new Set<Socket>();
  readonly #exchanges = new Set<Exchange>();
  #requests: RecordedRequest[] = [];
  #queue: Reply[] = [];
  #standing: Reply;
  #waiters: Waiter[] = [];
  #closing: Promise<void> | undefined;

  constructor(server: Server, host: string, options: ModelServerOptions) {
    this.port = (server.address() as AddressInfo).port;
    this.url = `http://${host.includes(":") ? `[${host}]` : host}:${this.port}`;
    this.baseURL = `${this.url}/v1`;
    this.#server = server;
    this.#service = { apiKeys: options.apiKeys, models: options.models ?? DEFAULT_MODELS };
    this.#initialReply = options.reply ?? ECHO;
    this.#standing = this.#initialReply;
    this.#now = options.now ?? Date.now;

    // A test may pause for longer than Node keeps idle connections; the client would then find them closed.
    server.keepAliveTimeout = 0;
    server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.once("close", () => this.#sockets.delete(socket));
    });
    server.on("request", (message, response) => void this.#serve(message, response));
  }

  get requests(): readonly RecordedRequest[] {
    return this.#requests;
  }

  count(path?: string): number {
    if (path === undefined) return this.#requests.length;
    return this.#requests.filter((request) => request.path.endsWith(path)).length;
  }

  reply(reply: Reply): void {
    this.#standing = reply;
  }

  enqueue(...replies: Reply[]): void {
    this.#queue.push(...replies);
  }

  release(): void {
    for (const exchange of this.#exchanges) exchange.release();
  }

  reset(): void {
    this.#requests = [];
    this.#queue = [];
    this.#standing = this.#initialReply;
  }

  waitFor(n: number): Promise<RecordedRequest> {
    const arrived = this.#requests[n - 1];
    if (arrived !== undefined) return Promise.resolve(arrived);
    if (this.#closing !== undefined) return Promise.reject(neverArrived(n));
    const waiting = new Promise<RecordedRequest>((resolve, reject) => {
      this.#waiters.push({ n, resolve, reject });
    });
    // Nobody has to await it: only who does is told that the server was closed.
    waiting.catch(() => {});
    return waiting;
  }

  close(): Promise<void> {
    this.#closing ??= this.#shutDown();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #shutDown(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const exchange of this.#exchanges) exchange.cut();
    for (const socket of this.#sockets) socket.destroy();
    for (const waiter of this.#waiters) waiter.reject(neverArrived(waiter.n));
    this.#waiters = [];
    this.#queue = [];
    await closed;
  }

  async #serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const exchange = new Exchange(response);
    this.#exchanges.add(exchange);
    try {
      const body = await readBody(message);
      if (body === undefined) return;
      const request = recordRequest(message, body, this.#requests.length + 1, this.#now(), exchange);
      this.#record(request);
      const refusal = refuse(request, this.#service);
      if (refusal !== undefined) await exchange.deliver(refusal, {});
      else await this.#answer(request, this.#queue.shift() ?? this.#standing, exchange);
    } catch {
      // After the headers, only the connection can show that something went wrong.
      exchange.cut();
    } finally {
      await exchange.ended;
      this.#exchanges.delete(exchange);
    }
  }

  async #answer(request: RecordedRequest, reply: Reply, exchange: Exchange): Promise<void> {
    try {
      const script = await exchange.during(typeof reply === "function" ? reply(request) : reply);
      await exchange.deliver(await answer(request, script, this.#service), script);
    } catch (error) {
      if (exchange.over || exchange.begun) throw error;
      await exchange.deliver(scriptFailure(request, error), {});
    }
  }

  #record(request: RecordedRequest): void {
    this.#requests.push(request);
    const due = this.#waiters.filter((waiter) => waiter.n <= this.#requests.length);
    this.#waiters = this.#waiters.filter((waiter) => waiter.n > this.#requests.length);
    for (const waiter of due) waiter.resolve(request);
  }
}

function neverArrived(n: number): Error {
  return new Error(`The model server was closed before request ${n} arrived.`);
}

/** The whole body, or nothing if the client went away while sending it. */
async function readBody(message: IncomingMessage): Promise<Buffer | undefined> {
  const parts: Buffer[] = [];
  try {
    for await (const part of message) parts.push(part as Buffer);
    return Buffer.concat(parts);
  } catch {
    return undefined;
  }
}
