import type { Write } from "./write.ts";

/** More bytes than these do not wait for their time. */
const MOST_WAITING_BYTES = 16 * 1024 * 1024;

export interface WriteBehindSettings {
  readonly flushSize: number;
  readonly flushIntervalMs: number;
}

/** Keeps writes for a moment, the last one of each id, and sends them together. What is kept is lost when the process is. */
export class WriteBehind {
  readonly #settings: WriteBehindSettings;
  readonly #send: (writes: readonly Write[]) => Promise<void>;
  readonly #waiting: Map<string, Write> = new Map<string, Write>();
  readonly #underWay: Set<Promise<void>> = new Set<Promise<void>>();
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param send must not reject. */
  constructor(settings: WriteBehindSettings, send: (writes: readonly Write[]) => Promise<void>) {
    this.#settings = settings;
    this.#send = send;
  }

  get(id: string): Write | undefined {
    return this.#waiting.get(id);
  }

  put(write: Write): void {
    this.drop(write.id);
    this.#waiting.set(write.id, write);
    this.#bytes += write.frame.byteLength;
    if (this.#waiting.size >= this.#settings.flushSize || this.#bytes >= MOST_WAITING_BYTES) this.#start();
    else this.#timer ??= setTimeout(() => this.#start(), this.#settings.flushIntervalMs);
  }

  drop(id: string): void {
    const write = this.#waiting.get(id);
    if (write === undefined) return;
    this.#waiting.delete(id);
    this.#bytes -= write.frame.byteLength;
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiting.clear();
    this.#bytes = 0;
  }

  /** Sends what waits, and resolves when all that was sent is answered. */
  async flush(): Promise<void> {
    this.#start();
    await Promise.all(this.#underWay);
  }

  #start(): void {
    const writes = [...this.#waiting.values()];
    this.clear();
    if (writes.length === 0) return;
    const sending = this.#send(writes).finally(() => this.#underWay.delete(sending));
    this.#underWay.add(sending);
  }
}
