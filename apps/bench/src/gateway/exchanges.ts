import { answerOf, textOf } from "../samples.ts";

/** What is asked of a server, and what it answers. */
export interface Exchange {
  readonly title: string;
  readonly question: string;
  readonly answer: Buffer;
  readonly contentType: string;
}

const BYTES = 4096;
const CHUNKS = 300;
const MODEL = "gpt-4o-mini";

/** A chat completion in one piece, 4 kB in and out. */
function whole(): Exchange {
  return {
    title: "4 kB in, 4 kB out",
    question: questionOf({}),
    answer: Buffer.from(JSON.stringify({ ...answerOf(BYTES), model: MODEL })),
    contentType: "application/json",
  };
}

/** The same as a stream of 300 events. */
function streamed(): Exchange {
  const head = { id: "chatcmpl-1", object: "chat.completion.chunk", created: 1_700_000_000, model: MODEL };
  const event = (delta: object, finish: string | null): string =>
    `data: ${JSON.stringify({ ...head, choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }] })}\n\n`;
  const events = [
    event({ role: "assistant", content: "" }, null),
    ...Array.from({ length: CHUNKS - 2 }, (_, index) => event({ content: `word${index} ` }, null)),
    event({}, "stop"),
    "data: [DONE]\n\n",
  ];
  return {
    title: `4 kB in, a stored stream of ${CHUNKS} events out`,
    question: questionOf({ stream: true }),
    answer: Buffer.from(events.join("")),
    contentType: "text/event-stream; charset=utf-8",
  };
}

function questionOf(settings: object): string {
  const empty = JSON.stringify({ model: MODEL, ...settings, messages: [{ role: "user", content: "" }] });
  const content = textOf(BYTES - empty.length, 7).slice(0, BYTES - empty.length);
  return JSON.stringify({ model: MODEL, ...settings, messages: [{ role: "user", content }] });
}

export const EXCHANGES: Readonly<Record<"whole" | "streamed", Exchange>> = { whole: whole(), streamed: streamed() };
