import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

/** A provider on this machine that answers at once. */
export interface LocalServer {
  readonly url: string;
  close(): Promise<void>;
}

export async function startLocalServer(): Promise<LocalServer> {
  const child = fork(join(import.meta.dirname, "local-server-process.ts"));
  const [port] = (await once(child, "message")) as [number];
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      child.disconnect();
      await once(child, "exit");
    },
  };
}
