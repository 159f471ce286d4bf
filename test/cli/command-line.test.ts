import { expect, it } from "vitest";
import { commands } from "../../src/cli/commands.js";
import { secretIn } from "../../src/cli/run.js";
import { inProcess } from "../support/command-line.js";

const token = `${Buffer.from('{"alg":"RS256","typ":"JWT"}').toString("base64url")}.${Buffer.from('{"name":"Ada Lovelace"}').toString("base64url")}.c2lnbmF0dXJl`;

it("helps: for all, for each command, and when it was called without one", async () => {
  const [all, none, doctor, inspect, explain] = await Promise.all([
    inProcess(["--help"]),
    inProcess([]),
    inProcess(["doctor", "--help"]),
    inProcess(["help", "inspect"]),
    inProcess(["explain", "-h"]),
  ]);
  expect(all).toMatchObject({ code: 0, err: "" });
  expect(none).toMatchObject({ code: 2, out: all.out });
  for (const name of ["doctor", "inspect", "explain"])
    expect(all.out).toContain(`hosted-agent-identity ${name}`);
  for (const { code, out } of [doctor, inspect, explain]) {
    expect(code).toBe(0);
    expect(out).toMatch(/Exit code: 0 .*1 .*2 invalid usage/);
  }
  for (const name of ["AZURE_TENANT_ID", "APP_CLIENT_SECRET", "MCP_URL", "SIGN_IN_KEYS"])
    expect(doctor.out).toContain(name);
});

it("ends with 2 and a suggestion for what it does not know", async () => {
  const [command, option, far, value, extra] = await Promise.all([
    inProcess(["docter"]),
    inProcess(["doctor", "--tokn-file", "x"]),
    inProcess(["frobnicate"]),
    inProcess(["doctor", "--timeout", "soon"]),
    inProcess(["doctor", "now"]),
  ]);
  expect(command).toMatchObject({ code: 2, out: "" });
  expect(command.err).toContain('Did you mean "hosted-agent-identity doctor"?');
  expect(option).toMatchObject({ code: 2, out: "" });
  expect(option.err).toContain("Did you mean --token-file?");
  expect(far.err).toContain("See hosted-agent-identity --help.");
  expect([far.code, value.code, extra.code]).toEqual([2, 2, 2]);
});

it.each([
  [
    ["explain", "65001", "50076"],
    ["AADSTS65001", "AADSTS50076"],
  ],
  [
    ["explain", "65001, 50076"],
    ["AADSTS65001", "AADSTS50076"],
  ],
  [["explain", "error", "50076", "happened"], ["AADSTS50076"]],
  [["explain", "it failed with 50076: try again"], ["AADSTS50076"]],
  [
    ["explain", "65001", "consent_required"],
    ["AADSTS65001", "consent_required"],
  ],
  [
    ["explain", "consent_required", "AADSTS65001", "65001"],
    ["consent_required", "AADSTS65001"],
  ],
  [
    ["explain", "65001", "closed"],
    ["AADSTS65001", "closed"],
  ],
  [
    ["explain", "user_id_missing", "agent_stopping", "server_error"],
    ["user_id_missing", "agent_stopping", "server_error"],
  ],
  [["explain", "invalid_json"], ["invalid_json"]],
  [["explain", '{"error":{"code":"request_too_large"}}'], ["request_too_large"]],
  [["--json", "explain", "65001"], ["AADSTS65001"]],
  [["--no-color", "--json", "explain", "closed"], ["closed"]],
])("hosted-agent-identity %j explains %j", async (args, expected) => {
  const { code, out } = await inProcess([...args, "--json"]);
  const { errors } = JSON.parse(out) as { errors: { code: string; meaning: string; next?: string }[] };
  expect([code, errors.map((one) => one.code)]).toEqual([0, expected]);
  for (const { meaning, next } of errors)
    expect([meaning, next]).toEqual([expect.any(String), expect.any(String)]);
});

it.each([
  [
    ["explain", "listening on 127.0.0.1:50076 since 12:50076"],
    "The text contains no AADSTS code and no code of this package",
  ],
  [["explain", "65001", "consent_requird"], "Did you mean consent_required?"],
  [["explain", "hunter_two"], "This is not a code of this package"],
])("hosted-agent-identity %j finds no code, and says so", async (args, says) => {
  const { code, out } = await inProcess(args);
  expect(code).toBe(1);
  expect(out).toContain(says);
  expect(out).not.toContain("hunter_two");
});

it("says of a code with several causes what to do for each", async () => {
  const { out } = await inProcess(["explain", "insufficient_scope"]);
  expect(out).toContain("if it does not say which: Look up in the resource's documentation which scope");
  expect(out).toContain("if a Foundry toolbox reports it: Foundry holds the grant");
});

it.each([
  [["doctor", "--nope"], 'doctor has no option "--nope".', "See hosted-agent-identity doctor --help."],
  [["doctor", "--scpe", "x"], 'doctor has no option "--scpe".', "Did you mean --scope?"],
  [["doctor", "--project-endpont", "x"], "doctor has no option", "Did you mean --project-endpoint?"],
  [
    ["explain", "--tenant", "x"],
    'explain has no option "--tenant".',
    "See hosted-agent-identity explain --help.",
  ],
  [
    ["--tenant", "x", "doctor"],
    "--tenant belongs after the command.",
    "hosted-agent-identity doctor --tenant ...",
  ],
  [["--nope", "doctor"], "There is no such option.", "See hosted-agent-identity --help."],
])("hosted-agent-identity %j is not understood", async (args, message, hint) => {
  const { code, out, err } = await inProcess(args);
  expect([code, out]).toEqual([2, ""]);
  expect(err).toContain(message);
  expect(err).toContain(hint);
});

it("lists each option of a command in its help, and no other", async () => {
  for (const { name, options } of commands) {
    const { out } = await inProcess([name, "--help"]);
    const listed = [...out.matchAll(/ {2}--([a-z-]+)/g)].map(([, option]) => option);
    expect([name, listed.sort()]).toEqual([name, [...options].sort()]);
    expect([name, (await inProcess(["--help", name])).out]).toEqual([name, out]);
  }
});

it("refuses a token or secret among the arguments, wherever it stands, and does not repeat it", async () => {
  const secret = `abc8Q~${"x".repeat(34)}`;
  const runs = await Promise.all([
    inProcess(["inspect", token]),
    inProcess(["doctor", "--token-file", token]),
    inProcess(["doctor", `--token=${token}`]),
    inProcess(["explain", `failed for Bearer ${token}`]),
    inProcess(["inspect", token.split(".").slice(0, 2).join(".")]),
    inProcess(["doctor", "--client-secret", "hunter2"]),
    inProcess(["doctor", "--tenant", secret]),
  ]);
  for (const { code, out, err } of runs) {
    expect(code).toBe(2);
    expect(out).toBe("");
    expect(err).toMatch(/argument/);
    for (const told of [...token.split("."), secret, "hunter2"]) expect(err.includes(told)).toBe(false);
  }
});

it.each([
  "pass",
  "password",
  "passwd",
  "passphrase",
  "pwd",
  "pin",
  "pat",
  "api-key",
  "apikey",
  "apiKey",
  "api_key",
  "cert-password",
  "certPassword",
  "pfx-passphrase",
  "secret",
  "client-secret",
  "token",
  "user-token",
  "id-token",
  "github-pat",
  "assertion",
  "private-key",
  "encryption-keys",
  "sign-in-keys",
  "credential",
  "cookie",
  "bearer",
  "authorization",
  "sas",
  "connection-string",
  "redis-url",
  "sign-in-database-url",
  "no-password",
])("says that --%s has no place among the arguments, and does not repeat its value", async (name) => {
  for (const args of [
    [`--${name}=hunter2`],
    [`--${name}`, "hunter2"],
    [`-${name}=hunter2`],
    [`--${name.toUpperCase()}=hunter2`],
  ])
    for (const command of ["doctor", "inspect", "explain", "no-such-command"]) {
      const { code, out, err } = await inProcess([command, ...args]);
      expect([code, out]).toEqual([2, ""]);
      expect(err).toContain("secrets are not accepted as arguments, where other processes can see them");
      expect(err).not.toContain("hunter2");
    }
});

it("repeats no argument that it does not know", async () => {
  for (const argv of [
    ["hunter2"],
    ["doctor", "hunter2"],
    ["explain", "hunter2"],
    ["doctor", "-phunter2"],
    ["doctor", "--unknown=hunter2"],
    ["doctor", "--json=hunter2"],
    ["help", "hunter2"],
  ]) {
    const { code, out, err } = await inProcess(argv);
    expect([argv, code]).not.toEqual([argv, 0]);
    expect([argv, out + err]).toEqual([argv, expect.not.stringContaining("hunter2")]);
  }
});

it("takes the options that it has", () => {
  const own = commands.flatMap(({ options }) => options);
  expect(own.length).toBeGreaterThan(10);
  expect(own.filter((name) => secretIn([`--${name}`, "x"]) !== undefined)).toEqual([]);
});

it("explains codes of Entra and of this package, from an argument, a log or an answer", async () => {
  const answer = JSON.stringify({
    error: "invalid_grant",
    error_codes: [50076],
    error_description: "AADSTS50076: …",
  });
  const [number, own, log, oauth] = await Promise.all([
    inProcess(["explain", "65001"]),
    inProcess(["explain", "--json", "user_token_audience"]),
    inProcess(["explain", "--json", "-"], {
      stdin: `12:00 refused ${answer}\n12:01 AADSTS7000215: Invalid client secret`,
    }),
    inProcess(["explain", "--json", '{"error":"login_required"}']),
  ]);
  expect(number.code).toBe(0);
  expect(number.out).toMatch(/^AADSTS65001 {2}consent$/m);
  expect(number.out).toMatch(/fixed by +the user or an administrator/);
  expect(number.out).toContain("https://login.microsoftonline.com/error?code=65001");
  expect(JSON.parse(own.out)).toEqual({
    command: "explain",
    ok: true,
    errors: [
      {
        code: "user_token_audience",
        known: true,
        category: "input",
        meaning: "The user token is for another application.",
        whoseMove: "the caller: the request was not accepted",
        next: "Have the caller ask for a token with the scope of this agent's app (api://<client id>/<scope>).",
        causes: expect.arrayContaining([
          {
            when: expect.stringContaining("Foundry's own") as unknown,
            next: expect.stringContaining("a second token") as unknown,
          },
          {
            when: expect.stringContaining("Microsoft Graph") as unknown,
            next: expect.stringContaining("a bare scope such as User.Read means Graph") as unknown,
          },
        ]) as unknown,
      },
    ],
  });
  expect((JSON.parse(log.out) as { errors: { code: string }[] }).errors.map(({ code }) => code)).toEqual([
    "AADSTS50076",
    "AADSTS7000215",
  ]);
  expect(JSON.parse(oauth.out)).toMatchObject({
    ok: true,
    errors: [{ code: "login_required", category: "signin" }],
  });
});

it("says of a code that it does not know it, and where to look", async () => {
  const [unknown, nothing] = await Promise.all([
    inProcess(["explain", "AADSTS99999999"]),
    inProcess(["explain", "the door is closed"]),
  ]);
  expect(unknown.code).toBe(1);
  expect(unknown.out).toContain("This version does not know this code");
  expect(unknown.out).toContain("https://login.microsoftonline.com/error?code=99999999");
  expect(nothing.code).toBe(1);
  expect(nothing.out).toMatch(/^The text contains no AADSTS code/);
});

it("colors only where it is wanted", async () => {
  const colored = async (args: string[], env: Record<string, string>): Promise<boolean> =>
    (await inProcess(["explain", "65001", ...args], { env })).out.includes("\u001b[");
  expect(
    await Promise.all([
      colored([], {}),
      colored([], { FORCE_COLOR: "1" }),
      colored([], { FORCE_COLOR: "1", NO_COLOR: "1" }),
      colored(["--color"], {}),
      colored(["--no-color"], { FORCE_COLOR: "1" }),
    ]),
  ).toEqual([false, true, false, true, false]);
});
