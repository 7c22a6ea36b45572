import { expect, test } from "vitest";
import { shownURL, withoutSecrets } from "../src/secrets.ts";

test.each(["hunter22", "hun/ter22", "hun?ter22", "hun#ter22", "hun@ter22"])(
  "the password %s of a store is in no message, encoded or not",
  (password) => {
    for (const written of [password, encodeURIComponent(password)]) {
      const url = `redis://user:${written}@host:6379/0`;
      expect(shownURL(url)).not.toMatch(/hun|ter22/);
      for (const message of [`cannot parse ${url}`, `wrong password "${password}" for user`])
        expect([message, withoutSecrets(message, [url])]).not.toEqual([message, expect.stringMatching(/ter22/)]);
    }
  },
);

test("what is no secret stays", () => {
  const url = "s3://bucket/a?endpoint=http://host:9000";
  expect(withoutSecrets("the bucket at http://host:9000 is not there", [url])).toBe(
    "the bucket at http://host:9000 is not there",
  );
});
