/** What the user says last in a list of messages, or in the text that stands for one. */
export function lastUserText(messages: unknown): string {
  if (typeof messages === "string") return messages;
  const last: unknown = Array.isArray(messages)
    ? messages.findLast((item) => member(item, "role") === "user")
    : undefined;
  const content = member(last, "content");
  if (typeof content === "string") return content;
  const parts: readonly unknown[] = Array.isArray(content) ? content : [];
  return parts
    .map((part) => member(part, "text"))
    .filter((text) => typeof text === "string")
    .join("");
}

function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
