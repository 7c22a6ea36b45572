/** Just enough of RESP2 for a server in tests. */

export type Reply = Buffer | string | number | null | Error | readonly Reply[];

/** Takes bytes as they come, gives commands when they are whole. */
export class CommandReader {
  #rest: Buffer = Buffer.alloc(0);

  *read(chunk: Buffer): Generator<readonly Buffer[]> {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    for (;;) {
      const command = this.#one();
      if (command === undefined) return;
      yield command;
    }
  }

  #one(): readonly Buffer[] | undefined {
    let at = 0;
    const line = (): string | undefined => {
      const end = this.#rest.indexOf("\r\n", at);
      if (end < 0) return undefined;
      const text = this.#rest.toString("latin1", at, end);
      at = end + 2;
      return text;
    };
    const head = line();
    if (head === undefined) return undefined;
    const words: Buffer[] = [];
    for (let left = Number(head.slice(1)); left > 0; left--) {
      const size = line();
      if (size === undefined) return undefined;
      const end = at + Number(size.slice(1));
      if (this.#rest.byteLength < end + 2) return undefined;
      words.push(Buffer.from(this.#rest.subarray(at, end)));
      at = end + 2;
    }
    this.#rest = this.#rest.subarray(at);
    return words;
  }
}

export function encodeReply(reply: Reply): Buffer {
  if (reply === null) return Buffer.from("$-1\r\n");
  if (typeof reply === "number") return Buffer.from(`:${reply}\r\n`);
  if (typeof reply === "string") return Buffer.from(`+${reply}\r\n`);
  if (reply instanceof Error) return Buffer.from(`-${reply.message}\r\n`);
  if (Buffer.isBuffer(reply))
    return Buffer.concat([Buffer.from(`$${reply.byteLength}\r\n`), reply, Buffer.from("\r\n")]);
  return Buffer.concat([Buffer.from(`*${reply.length}\r\n`), ...reply.map(encodeReply)]);
}
