import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { startModelServer } from "@llmcache/testing/model-server";

/** In the place of the mock server that the SDK's tests want: the model server, and `{}` for what that does not know. */
export default async function setup(): Promise<() => Promise<void>> {
  const model = await startModelServer();
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
      const url = request.url ?? "/";
      const answer =
        request.method === "POST"
          ? await fetch(`${model.baseURL}${url}`, {
              method: "POST",
              headers: { "content-type": "application/json", authorization: "Bearer any" },
              body: Buffer.concat(chunks) as Uint8Array<ArrayBuffer>,
            })
          : undefined;
      const isAnswer = answer?.ok === true;
      const status = url.includes("_stainless_unknown_path") ? 404 : 200;
      response.writeHead(status, { "content-type": answer?.headers.get("content-type") ?? "application/json" });
      response.end(isAnswer ? Buffer.from(await answer.arrayBuffer()) : "{}");
    })();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  process.env["TEST_API_BASE_URL"] = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return async () => {
    server.closeAllConnections();
    server.close();
    await model.close();
  };
}
