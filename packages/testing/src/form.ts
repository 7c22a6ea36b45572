import type { RecordedRequest } from "./recorded-request.ts";

/** The fields of a request's form; rejects for what is none. */
export async function formOf(request: RecordedRequest): Promise<FormData> {
  const type = request.headers["content-type"] ?? "";
  return new Response(new Uint8Array(request.body), { headers: { "content-type": type } }).formData();
}

/** A field that is a text. */
export function textField(form: FormData, name: string): string | undefined {
  const value = form.get(name);
  return typeof value === "string" ? value : undefined;
}
