import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The certificate that `tls.ts` made for this run; every worker trusts it. */
export function testTls(): { cert: string; key: string } {
  const folder = process.env["TEST_TLS_FOLDER"];
  if (folder === undefined) throw new Error("The global setup test/support/tls.ts did not run.");
  return {
    cert: readFileSync(join(folder, "cert.pem"), "utf8"),
    key: readFileSync(join(folder, "key.pem"), "utf8"),
  };
}
