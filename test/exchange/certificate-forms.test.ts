import { execFileSync } from "node:child_process";
import { randomUUID, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { decodeProtectedHeader, importX509, jwtVerify } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { certificate, isHostedAgentIdentityError } from "hosted-agent-identity";

// The forms are OpenSSL's own, as Key Vault's and administrators' are.
let folder: string;
let f: Record<string, Buffer>;

const commands = `
req -x509 -newkey rsa:2048 -nodes -keyout root.key -out root.pem -days 9 -subj /CN=root
req -newkey rsa:2048 -nodes -keyout ca.key -out ca.csr -subj /CN=ca
x509 -req -in ca.csr -CA root.pem -CAkey root.key -CAcreateserial -out ca.pem -days 9
req -newkey rsa:2048 -nodes -keyout k.key -out k.csr -subj /CN=agent
x509 -req -in k.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out k.pem -days 5
x509 -req -in k.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out renewed.pem -days 8
rsa -in k.key -traditional -out k.pkcs1
pkcs8 -topk8 -in k.key -passout pass:open-sesame -out k.enc
rsa -in k.key -traditional -aes128 -passout pass:open-sesame -out k.oldenc
pkcs12 -export -inkey k.key -in k.pem -certfile ca.pem -passout pass: -out b.pfx
pkcs12 -in b.pfx -nodes -passin pass: -out bag.pem
x509 -in k.pem -outform DER -out k.der
ecparam -name prime256v1 -genkey -noout -out ec.key
req -x509 -key ec.key -out ec.pem -days 5 -subj /CN=ec
req -x509 -newkey rsa:1024 -nodes -keyout short.key -out short.pem -days 5 -subj /CN=short`;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "certificate-forms-"));
  for (const line of commands.trim().split("\n"))
    execFileSync("openssl", line.split(" "), { cwd: folder, stdio: "pipe" });
  const names = new Set(commands.match(/(?<=-(?:out|keyout) )\S+/g));
  f = Object.fromEntries([...names].map((name) => [name, readFileSync(join(folder, name))]));
}, 60_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

type Options = Parameters<typeof certificate>[0];

/** An assertion, and what went along with it. */
async function signed(options: Options) {
  const made = await certificate(options).authenticate({
    clientId: "11111111-2222-4333-8444-555555555555",
    tokenEndpoint: "https://login.example.com/token",
    tokenExchangeAudience: "api://exchange",
    refused: 0,
    now: Date.now,
    newId: randomUUID,
    fetch,
    signal: new AbortController().signal,
  });
  if (!("assertion" in made)) throw new Error("no assertion");
  const { x5c = [], ...header } = decodeProtectedHeader(made.assertion);
  return { ...made, header, x5c };
}

/** Whether the assertion verifies with the certificate's own public key. */
async function isSignedWithKey(options: Options): Promise<boolean> {
  const key = await importX509(textOf("k.pem"), "PS256");
  return jwtVerify((await signed(options)).assertion, key).then(
    () => true,
    () => false,
  );
}

const textOf = (...names: string[]): string => names.map((name) => f[name]?.toString() ?? "").join("");
const der = (name: string): string => new X509Certificate(f[name] ?? "").raw.toString("base64");
const utf16 = (text: string): Buffer =>
  Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(text, "utf16le")]);

const good: readonly [name: string, text: () => string][] = [
  ["certificate and key", () => textOf("k.pem", "k.key")],
  ["key and certificate", () => textOf("k.key", "k.pem")],
  ["the chain before the certificate", () => textOf("root.pem", "ca.pem", "k.pem", "k.key")],
  ["the chain after the certificate", () => textOf("k.pem", "ca.pem", "root.pem", "k.key")],
  ["the chain around the key", () => textOf("ca.pem", "k.key", "root.pem", "k.pem")],
  ["CRLF", () => textOf("k.pem", "k.key").replace(/\n/g, "\r\n")],
  ["\\n in one line, as an environment variable", () => textOf("k.pem", "k.key").replace(/\n/g, "\\n")],
  ["\\r\\n in one line", () => textOf("k.pem", "k.key").replace(/\n/g, "\\r\\n")],
  ["blanks instead of line breaks", () => textOf("k.pem", "k.key").replace(/\n/g, " ")],
  ["no line breaks at all", () => textOf("k.pem", "k.key").replace(/\n/g, "")],
  ["quotes around it", () => `"${textOf("k.pem", "k.key").replace(/\n/g, "\\n")}"`],
  ["base64", () => Buffer.from(textOf("k.pem", "k.key")).toString("base64")],
  [
    "base64 in lines",
    () => Buffer.from(textOf("k.pem", "k.key")).toString("base64").replace(/.{76}/g, "$&\n"),
  ],
  ["bag attributes", () => textOf("bag.pem")],
  ["a key of OpenSSL's older form", () => textOf("k.pkcs1", "k.pem")],
];

describe("a certificate is taken in the form of", () => {
  it.each(good)("%s", async (_name, text) => {
    const { header } = await signed({ pem: text() });
    expect(await isSignedWithKey({ pem: text() })).toBe(true);
    expect(header["x5t#S256"]).toBe(
      Buffer.from(new X509Certificate(textOf("k.pem")).fingerprint256.replaceAll(":", ""), "hex").toString(
        "base64url",
      ),
    );
  });

  it.each<[string, () => Buffer]>([
    ["a text", () => Buffer.from(textOf("ca.pem", "k.pem", "k.key"))],
    ["a text in UTF-16, as PowerShell writes it", () => utf16(textOf("k.pem", "k.key"))],
    ["base64", () => Buffer.from(Buffer.from(textOf("k.pem", "k.key")).toString("base64"))],
  ])("a file with %s", async (_name, content) => {
    const path = join(folder, "agent.file");
    await writeFile(path, content());
    expect(await isSignedWithKey({ path })).toBe(true);
  });

  it.each(["k.enc", "k.oldenc"])("an encrypted key, with its passphrase (%s)", async (name) => {
    const pem = textOf("k.pem", name);
    expect(await isSignedWithKey({ pem, passphrase: "open-sesame" })).toBe(true);
  });

  it("a chain in any order: x5c begins with the certificate of the key, each certified by the next", async () => {
    for (const order of [
      ["root.pem", "ca.pem", "k.pem", "k.key"],
      ["k.key", "ec.pem", "ca.pem", "k.pem", "root.pem", "k.pem"],
    ])
      expect((await signed({ pem: textOf(...order), sendX5c: true })).x5c).toEqual(
        ["k.pem", "ca.pem", "root.pem"].map(der),
      );
    expect((await signed({ pem: textOf("k.pem", "k.key", "root.pem"), sendX5c: true })).x5c).toEqual([
      der("k.pem"),
    ]);
  });

  it("two certificates of one key: the one that lasts longer signs", async () => {
    for (const order of [
      ["k.pem", "renewed.pem"],
      ["renewed.pem", "k.pem"],
    ])
      expect((await signed({ pem: textOf(...order, "k.key"), sendX5c: true })).x5c[0]).toBe(
        der("renewed.pem"),
      );
  });
});

const b64 = (name: string): string => f[name]?.toString("base64") ?? "";
const bad: readonly [name: string, options: () => Options, says: RegExp, help: RegExp][] = [
  [
    "Key Vault's PFX",
    () => ({ pem: b64("b.pfx") }),
    /is a PFX.* in base64, as Key Vault gives it/,
    /openssl pkcs12 -in .* az keyvault secret download/,
  ],
  ["a PFX file", () => ({ path: join(folder, "b.pfx") }), /is a PFX/, /application\/x-pem-file/],
  ["a DER file", () => ({ path: join(folder, "k.der") }), /in DER form/, /PEM/],
  ["no key", () => ({ pem: textOf("k.pem", "ca.pem") }), /holds no private key/, /az keyvault secret show/],
  ["no certificate", () => ({ pem: textOf("k.key") }), /no certificate/, /certificate and its RSA/],
  [
    "an encrypted key alone",
    () => ({ pem: textOf("k.pem", "k.enc") }),
    /encrypted private key, and no passphrase/,
    /passphrase/,
  ],
  [
    "an old encrypted key alone",
    () => ({ pem: textOf("k.pem", "k.oldenc") }),
    /encrypted private key, and no passphrase/,
    /openssl pkey/,
  ],
  [
    "a wrong passphrase",
    () => ({ pem: textOf("k.pem", "k.enc"), passphrase: "wrong" }),
    /the passphrase does not open/,
    /passphrase/,
  ],
  ["an EC key", () => ({ pem: textOf("ec.pem", "ec.key") }), /of the type ec; .*RSA/, /RSA/],
  ["a short key", () => ({ pem: textOf("short.pem", "short.key") }), /at least 2048 bits/, /RSA/],
  ["a key of another certificate", () => ({ pem: textOf("ca.pem", "k.key") }), /not the key of any/, /RSA/],
  [
    "a certificate that was cut",
    () => ({ pem: textOf("k.pem", "k.key").replace(/MII.{60}/, "MII") }),
    /cannot be read/,
    /PEM/,
  ],
  [
    "a key that was cut",
    () => ({ pem: textOf("k.key").replace(/MII.{60}/, "MII") + textOf("k.pem") }),
    /cannot be read/,
    /PEM/,
  ],
  ["no PEM", () => ({ pem: "the name of a secret" }), /holds no PEM/, /PEM/],
  ["a missing file", () => ({ path: join(folder, "nothing.pem") }), /cannot be read \(ENOENT\)/, /PEM/],
];

describe("what cannot be used says which form it is, and what to do", () => {
  it.each(bad)("%s", async (_name, options, says, help) => {
    const given = options();
    const error: unknown = await signed(given).catch((cause: unknown) => cause);
    if (!isHostedAgentIdentityError(error)) throw error;
    expect([error.code, error.category]).toEqual(["client_credential_failed", "cred"]);
    expect(error.message).toMatch(says);
    expect(error.help).toMatch(help);
    const shown = inspect(error, { depth: 9 });
    expect(shown).not.toMatch(/BEGIN|MII|open-sesame/);
    if ("pem" in given) expect(shown).not.toContain(given.pem.slice(0, 30));
  });
});
