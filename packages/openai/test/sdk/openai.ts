import Real, { type ClientOptions } from "../../node_modules/openai/index.mjs";
import { through } from "./through.ts";

export * from "../../node_modules/openai/index.mjs";

/** The SDK's client, asking through our `fetch`. */
class OpenAI extends Real {
  constructor(options: ClientOptions = {}) {
    const fetch = through(options.fetch);
    super(fetch === undefined ? options : { ...options, fetch });
  }
}

export { OpenAI, OpenAI as default };
