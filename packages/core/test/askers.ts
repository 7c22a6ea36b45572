import { fork } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";

/** What came of many processes that asked the same thing at once. */
export interface Asked {
  /** How often the provider was asked. */
  readonly calls: number;
  readonly outcomes: readonly { readonly status: string; readonly value: string }[];
  readonly exitCodes: readonly (number | null)[];
}

/**
 * Starts so many processes over the store of that URL, whose package is found from `folder`, and lets them ask the same thing at
 * the same moment. The provider takes `answerMs`.
 */
export async function askAtOnce(options: {
  readonly processes: number;
  readonly store: string;
  readonly folder: string;
  readonly leaseMs: number;
  readonly answerMs: number;
}): Promise<Asked> {
  let calls = 0;
  const provider = createServer((_, response) => {
    const answer = `answer ${++calls}`;
    setTimeout(() => response.end(answer), options.answerMs);
  });
  provider.listen(0, "127.0.0.1");
  await once(provider, "listening");
  const { port } = provider.address() as AddressInfo;
  const children = Array.from({ length: options.processes }, () =>
    fork(fileURLToPath(new URL("asker.ts", import.meta.url)), {
      cwd: options.folder,
      execArgv: ["--conditions=@llmcache/source", "--disable-warning=ExperimentalWarning"],
      env: {
        ...process.env,
        LLMCACHE_STORE: options.store,
        ASKER_PROVIDER: `http://127.0.0.1:${port}`,
        ASKER_LEASE_MS: String(options.leaseMs),
      },
    }),
  );
  try {
    await Promise.all(children.map((child) => once(child, "message")));
    const answers = children.map((child) => once(child, "message"));
    const exits = children.map((child) => once(child, "exit"));
    for (const child of children) child.send("ask");
    const outcomes = (await Promise.all(answers)).map(([outcome]) => outcome as Asked["outcomes"][number]);
    return { calls, outcomes, exitCodes: (await Promise.all(exits)).map(([code]) => code as number | null) };
  } finally {
    for (const child of children) child.kill("SIGKILL");
    provider.closeAllConnections();
    provider.close();
  }
}
