import type { Server } from "node:http";
import type { AddressInfo } from "node:net";

/** What a server in a process of its own tells of itself. */
export interface Usage {
  readonly cpuMicroseconds: number;
  readonly memoryBytes: number;
}

/** Tells the process that started this one where the server is, and what it has taken whenever it is asked. */
export function serve(server: Server): void {
  server.listen(0, "127.0.0.1", () => process.send?.({ port: (server.address() as AddressInfo).port }));
  process.on("message", () => {
    const { user, system } = process.cpuUsage();
    process.send?.({ cpuMicroseconds: user + system, memoryBytes: process.memoryUsage.rss() } satisfies Usage);
  });
  process.on("disconnect", () => process.exit());
}
