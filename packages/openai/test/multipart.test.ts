import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseMultipart } from "../src/multipart.ts";

const RUNS = process.env["LLMCACHE_TEST_FULL"] === "1" ? 20_000 : 300;
const TYPE = "multipart/form-data; boundary=b";

/** A form by hand: `~` ends a line. */
function form(text: string): Uint8Array {
  return Buffer.from(text.replaceAll("~", "\r\n"), "latin1");
}

function read(text: string, type = TYPE): unknown {
  return parseMultipart(type, form(text))?.map((part) => ({
    ...part,
    bytes: Buffer.from(part.bytes).toString("latin1"),
  }));
}

const FIELD = '--b~Content-Disposition: form-data; name="model"~~whisper-1~--b--~';

const bytes = fc.uint8Array({ maxLength: 200 });
/** Also bytes that look like the structure around them. */
const content = fc.oneof(
  bytes,
  fc
    .array(fc.constantFrom("\r\n", "--", "\r\n--", "b", "\r", "\n", "Content-Type: a", "\r\n\r\n"))
    .map((parts) => Buffer.from(parts.join(""), "latin1")),
);
const value = fc.oneof(
  fc.string({ unit: "binary" }).map((text) => text.replaceAll(/\r\n|\r|\n/g, " ")),
  fc.tuple(content, fc.stringMatching(/^[a-z0-9 ]{1,8}(\.[a-z0-9]{1,4})?$/)),
);
const fields = fc.array(fc.tuple(fc.stringMatching(/^[a-z_]{1,8}(\[\])?$/), value), { maxLength: 6 });

describe("a form as clients write it", () => {
  test("is read part by part, whatever is in it", async () => {
    await fc.assert(
      fc.asyncProperty(fields, async (list) => {
        const data = new FormData();
        for (const [name, each] of list) {
          if (typeof each === "string") data.append(name, each);
          else data.append(name, new File([new Uint8Array(each[0])], each[1], { type: "audio/mpeg" }));
        }
        const response = new Response(data);
        const type = response.headers.get("content-type");
        const written = new Uint8Array(await response.arrayBuffer());
        const parts = parseMultipart(type, written);
        expect(
          parts?.map(({ name, filename, bytes }) => [name, filename, Buffer.from(bytes).toString("latin1")]),
        ).toEqual(
          list.map(([name, each]) =>
            typeof each === "string"
              ? [name, undefined, Buffer.from(each.toWellFormed(), "utf8").toString("latin1")]
              : [name, each[1], Buffer.from(each[0]).toString("latin1")],
          ),
        );
      }),
      { numRuns: RUNS },
    );
  });

  test("is none when it is cut off anywhere", async () => {
    const data = new FormData();
    data.append("model", "whisper-1");
    data.append("file", new File(["hello"], "a.mp3"));
    const response = new Response(data);
    const type = response.headers.get("content-type");
    const written = new Uint8Array(await response.arrayBuffer());
    expect(parseMultipart(type, written)).toHaveLength(2);
    // The last line end may be missing.
    for (let length = 0; length < written.byteLength - 3; length++)
      expect(parseMultipart(type, written.subarray(0, length))).toBeUndefined();
  });

  test.each([
    ["a quoted boundary", FIELD, 'Multipart/Form-Data; Boundary="b"'],
    ["no line end behind it", FIELD.slice(0, -1), TYPE],
    ["headers in any case", FIELD.replace("Content-Disposition", "content-DISPOSITION"), TYPE],
    ["a length", FIELD.replace("~~", "~Content-Length: 9~~"), TYPE],
    ["an encoding that changes nothing", FIELD.replace("~~", "~Content-Transfer-Encoding: 8bit~~"), TYPE],
  ])("%s", (_name, text, type) => {
    expect(read(text, type)).toEqual([{ name: "model", filename: undefined, type: undefined, bytes: "whisper-1" }]);
  });

  test("names and types of files", () => {
    const file = (disposition: string): unknown =>
      read(`--b~Content-Disposition: form-data; ${disposition}~Content-Type: audio/mpeg~~x~--b--`);
    const part = { name: "f", type: "audio/mpeg", bytes: "x" };
    expect(file('name="f"; filename="a.mp3"')).toEqual([{ ...part, filename: "a.mp3" }]);
    expect(file('filename="a \\" b.mp3";name="f"')).toEqual([{ ...part, filename: 'a \\" b.mp3' }]);
    expect(file("name=\"f\"; filename*=utf-8''%C3%A4.mp3")).toEqual([{ ...part, filename: "utf-8''%C3%A4.mp3" }]);
    expect(file('name="f"; filename="a.mp3"; filename*=b.wav')).toBeUndefined();
  });
});

describe("what is not surely understood is no form", () => {
  test.each([
    ["another type", FIELD, "application/json"],
    ["no boundary", FIELD, "multipart/form-data"],
    ["another boundary", FIELD, "multipart/form-data; boundary=c"],
    ["further parameters", FIELD, "multipart/form-data; boundary=b; charset=latin1"],
    ["a boundary that is too long", FIELD, `multipart/form-data; boundary=${"b".repeat(71)}`],
    ["text before it", `preamble~${FIELD}`, TYPE],
    ["text behind it", `${FIELD}epilogue`, TYPE],
    ["bare line feeds", FIELD.replaceAll("~", "\n"), TYPE],
    ["something behind a boundary", FIELD.replace("--b~", "--b ~"), TYPE],
    ["headers that nobody knows", FIELD.replace("~~", "~X-Other: 1~~"), TYPE],
    ["a header twice", FIELD.replace("~~", "~Content-Length: 9~Content-Length: 8~~"), TYPE],
    ["a header without a colon", FIELD.replace("~~", "~Content-Length~~"), TYPE],
    ["no name", FIELD.replace('; name="model"', ""), TYPE],
    ["two names", FIELD.replace('name="model"', 'name="model"; name="file"'), TYPE],
    ["other parameters", FIELD.replace('name="model"', 'name="model"; size=9'), TYPE],
    ["another disposition", FIELD.replace("form-data", "attachment"), TYPE],
    ["base64", FIELD.replace("~~", "~Content-Transfer-Encoding: base64~~"), TYPE],
    ["names that are no UTF-8", FIELD.replace("model", "m\xff"), TYPE],
    ["no parts at all", "", TYPE],
  ])("%s", (_name, text, type) => {
    expect(read(text, type)).toBeUndefined();
  });

  test("no content type", () => {
    expect(parseMultipart(null, form(FIELD))).toBeUndefined();
  });
});
