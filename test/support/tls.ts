import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generate } from "selfsigned";

let folder: string | undefined;

/**
 * A certificate for 127.0.0.1, made once a run. The environment is set before the workers fork, because
 * Node reads NODE_EXTRA_CA_CERTS when it starts; so MSAL and @azure/identity trust it without being changed.
 */
export async function setup(): Promise<void> {
  // Another project of this run, or another server of the mutants, has made it.
  if (process.env["TEST_TLS_FOLDER"] !== undefined) return;
  folder = await mkdtemp(join(tmpdir(), "hosted-agent-identity-"));
  const { cert, private: key } = await generate([{ name: "commonName", value: "127.0.0.1" }], {
    keyType: "ec",
    algorithm: "sha256",
    extensions: [
      { name: "basicConstraints", cA: true },
      {
        name: "subjectAltName",
        altNames: [
          { type: 7, ip: "127.0.0.1" },
          { type: 2, value: "localhost" },
        ],
      },
    ],
  });
  await writeFile(join(folder, "cert.pem"), cert);
  await writeFile(join(folder, "key.pem"), key, { mode: 0o600 });
  process.env["NODE_EXTRA_CA_CERTS"] = join(folder, "cert.pem");
  process.env["TEST_TLS_FOLDER"] = folder;
}

export async function teardown(): Promise<void> {
  if (folder === undefined) return;
  delete process.env["TEST_TLS_FOLDER"];
  await rm(folder, { recursive: true, force: true });
}
