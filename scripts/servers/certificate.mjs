// A certificate that is signed by itself, for servers of the tests.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../command.mjs";

/** Writes `tls.crt` and `tls.key`, in PEM, into `folder`; `openssl` is how the program of that name is started. */
export async function makeCertificate(openssl, folder) {
  writeFileSync(join(folder, "openssl.cnf"), "[req]\ndistinguished_name = names\n[names]\n");
  const request = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -config openssl.cnf
    -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1,DNS:localhost -keyout tls.key -out tls.crt`;
  const { code, output } = await run(openssl.command, [...openssl.args, ...request.split(/\s+/)], { cwd: folder });
  if (code !== 0) throw new Error(`openssl could not make a certificate:\n${output}`);
}
