import { _iterSSEMessages as read } from "../../node_modules/openai/core/streaming.mjs";
import { through } from "./through.ts";

export * from "../../node_modules/openai/core/streaming.mjs";

/** What the SDK's decoder reads, when it has come through our `fetch` as an answer to a chat request. */
export async function* _iterSSEMessages(...[response, controller]: Parameters<typeof read>): ReturnType<typeof read> {
  const headers = new Headers(response.headers);
  headers.set("content-type", "text/event-stream");
  const answer = new Response(response.body, { headers });
  const fetch = through(async () => Promise.resolve(answer)) ?? (async () => Promise.resolve(answer));
  const body = JSON.stringify({ model: "m", messages: [{ role: "user", content: "hello" }], stream: true });
  yield* read(await fetch("https://api.openai.com/v1/chat/completions", { method: "POST", body }), controller);
}
