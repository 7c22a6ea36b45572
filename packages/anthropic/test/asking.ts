import { askedOf } from "../../fetch/test/asking.ts";
import { anthropicMessages, type AnthropicFormatOptions } from "../src/index.ts";

export const MESSAGES_URL = "https://api.anthropic.com/v1/messages";

export const { callOf, call, keyOf } = askedOf<AnthropicFormatOptions>(
  (options) => [anthropicMessages(options)],
  MESSAGES_URL,
);
