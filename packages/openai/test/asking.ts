import { askedOf, type Asking as AskingWith } from "../../fetch/test/asking.ts";
import { openAIFormats, type OpenAIFormatsOptions } from "../src/index.ts";

export const CHAT_URL = "https://api.openai.com/v1/chat/completions";
export const RESPONSES_URL = "https://api.openai.com/v1/responses";
export const COMPLETIONS_URL = "https://api.openai.com/v1/completions";

export type Asking = AskingWith<OpenAIFormatsOptions>;

export const { callOf, call, keyOf } = askedOf<OpenAIFormatsOptions>(openAIFormats, CHAT_URL);
