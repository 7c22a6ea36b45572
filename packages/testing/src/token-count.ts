const CHARACTERS_A_TOKEN = 4;

/** About so many tokens has this text. */
export function tokensIn(text: string): number {
  return Math.ceil(text.length / CHARACTERS_A_TOKEN);
}

/** The same of what is sent as JSON. */
export function tokensInJson(value: unknown): number {
  return tokensIn(JSON.stringify(value ?? ""));
}
