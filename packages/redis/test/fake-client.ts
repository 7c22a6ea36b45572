import type { RedisArgument, RedisClient, RedisPipeline } from "@llmcache/redis";

type Answer = (args: readonly RedisArgument[]) => unknown;

/** What a command is answered with when it is to fail: as ioredis rejects with what the server refuses. */
export function replyError(message: string, command?: object): Error {
  return Object.assign(new Error(message), { name: "ReplyError", ...(command === undefined ? {} : { command }) });
}

/** A client of ioredis for tests: GET, SET, MGET and UNLINK over a Map, and whatever is put into `answers`. */
export class FakeClient implements RedisClient {
  status = "ready";
  readonly options: { readonly host: string; readonly port: number; readonly keyPrefix?: string };
  readonly values: Map<string, Buffer> = new Map<string, Buffer>();
  readonly sent: (readonly [string, ...RedisArgument[]])[] = [];
  readonly answers: Map<string, Answer> = new Map<string, Answer>();
  disconnected = 0;

  constructor(options: { readonly keyPrefix?: string } = {}) {
    this.options = { host: "fake", port: 1, ...options };
  }

  async call(command: string, ...args: RedisArgument[]): Promise<unknown> {
    return this.callBuffer(command, ...args);
  }

  async callBuffer(command: string, ...args: RedisArgument[]): Promise<unknown> {
    this.sent.push([command, ...args]);
    const answer = this.answers.get(command);
    return answer === undefined ? this.#answer(command, args) : answer(args);
  }

  pipeline(): RedisPipeline {
    const commands: (readonly [string, ...RedisArgument[]])[] = [];
    return {
      callBuffer: (command, ...args) => commands.push([command, ...args]),
      exec: async () => {
        const results = await Promise.allSettled(
          commands.map(([command, ...args]) => this.callBuffer(command, ...args)),
        );
        return results.map((result) =>
          result.status === "fulfilled" ? [null, result.value] : [result.reason as Error, undefined],
        );
      },
    };
  }

  disconnect(): void {
    this.disconnected++;
    this.status = "end";
  }

  #answer(command: string, args: readonly RedisArgument[]): unknown {
    const [key = "", value] = args;
    switch (command) {
      case "get":
        return this.values.get(String(key)) ?? null;
      case "mget":
        return args.map((each) => this.values.get(String(each)) ?? null);
      case "set":
        if (args.includes("NX") && this.values.has(String(key))) return null;
        this.values.set(String(key), value as Buffer);
        return Buffer.from("OK");
      case "unlink":
        return args.filter((each) => this.values.delete(String(each))).length;
      default:
        throw replyError(
          `ERR unknown command '${command}', with args beginning with: ${args.map((each) => `'${String(each)}'`).join(" ")}`,
        );
    }
  }
}
