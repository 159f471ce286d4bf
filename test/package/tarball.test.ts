import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import {
  convertCompilerOptionsFromJson,
  createCompilerHost,
  createProgram,
  formatDiagnostics,
  getPreEmitDiagnostics,
  type SourceFile,
} from "typescript";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { tarballKb } from "../../etc/limits.js";
import { installTarball, runNode, type InstalledPackage } from "../support/tarball.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
let installed: InstalledPackage;

beforeAll(async () => {
  installed = await installTarball([
    "@opentelemetry/api",
    "@types/express",
    "@types/node",
    "express",
    "fastify",
    "hono",
  ]);
  await writeFile(join(installed.folder, "package.json"), '{ "type": "module" }');
}, 120_000);
afterAll(() => installed.remove());

describe("what is published", () => {
  it("is the build, the guides, the licence, the readme and the changelog", () => {
    const kinds = [
      /^dist\/(?:cli\/)?[\w.-]+\.(?:js|cjs|d\.ts)$/,
      /^docs\/(?:guides\/|decisions\/)?[\w.-]+\.(?:md|svg)$/,
      /^docs\/sign-in-service\.openapi\.json$/,
    ];
    const others = installed.files.filter((file) => !kinds.some((kind) => kind.test(file)));
    expect(others.sort()).toEqual(["CHANGELOG.md", "LICENSE", "README.md", "SECURITY.md", "package.json"]);
    expect(installed.files).toContain("docs/guides/quick-start.md");
    expect(installed.files).toContain("docs/security.md");
  });

  it(`weighs at most ${tarballKb} kB, and points to no source map`, () => {
    expect(installed.packedBytes).toBeLessThanOrEqual(tarballKb * 1000);
    for (const file of installed.files.filter((name) => name.endsWith(".js")))
      expect(readFileSync(inPackage(file), "utf8")).not.toContain("sourceMappingURL");
  });

  it("has no link to a file that is not in it", () => {
    const pages = installed.files.filter((file) => file.endsWith(".md"));
    const dead = pages.flatMap((page) =>
      relativeLinks(readFileSync(inPackage(page), "utf8"))
        .filter((link) => !installed.files.includes(posix.join(posix.dirname(page), link)))
        .map((link) => `${page}: ${link}`),
    );
    expect(pages.length).toBeGreaterThan(20);
    expect(dead).toEqual([]);
    expect(relativeLinks('[a](docs/x.md#y) ![b](p.svg) <a href="q.md"> [c](#d) [e](https://f)')).toEqual([
      "docs/x.md",
      "p.svg",
      "q.md",
    ]);
  });

  it("has a command line that npx can run, without any optional peer", async () => {
    const folder = join(installed.folder, "node_modules/hosted-agent-identity");
    const { bin } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
      bin: Record<string, string>;
    };
    expect(bin).toEqual({ "hosted-agent-identity": "./dist/cli/main.js" });
    const program = join(folder, bin["hosted-agent-identity"] ?? "");
    // As npm links it, and without naming Node: by its first line and its mode.
    await mkdir(join(installed.folder, "node_modules/.bin"), { recursive: true });
    const linked = join(installed.folder, "node_modules/.bin/hosted-agent-identity");
    await symlink(program, linked);
    const { stdout } = await promisify(execFile)(linked, ["explain", "65001"]);
    expect(stdout).toContain("AADSTS65001");
    const { stdout: version } = await promisify(execFile)(linked, ["--version"]);
    expect(version.trim()).toMatch(/^\d+\.\d+\.\d+/);
  });

  it("sees a context set through ./express from the root and from ./testing", async () => {
    await writeFile(
      join(installed.folder, "shared-context.mjs"),
      `
      import express from "express";
      import { tryGetUserContext, userTokenVerifier, entraApp, clientSecret } from "hosted-agent-identity";
      import { userContext } from "hosted-agent-identity/express";
      import { startEntra, testUserContext } from "hosted-agent-identity/testing";
      import { runWithUserContext } from "hosted-agent-identity";

      const entra = await startEntra({ apps: [{ name: "agent", scopes: ["chat"], secrets: ["s"] }], users: [{ name: "Ada" }] });
      const app = entraApp({ tenantId: entra.tenants[0].id, clientId: entra.app("agent").clientId, credential: clientSecret("s"), cloud: entra.cloud });
      const server = express()
        .use(userContext({ verify: userTokenVerifier({ app }), require: true }))
        .get("/", (request, response) => response.json({ oid: tryGetUserContext()?.user?.oid, header: request.headers["x-client-user-token"] ?? null }))
        .listen(0, "127.0.0.1", async () => {
          const token = await entra.issueUserToken({ user: "Ada", app: "agent" });
          const response = await fetch("http://127.0.0.1:" + server.address().port, { headers: { "x-client-user-token": token } });
          const seen = await response.json();
          const own = runWithUserContext(testUserContext({ oid: entra.user("Ada").oid }), () => tryGetUserContext()?.user?.oid);
          console.log(JSON.stringify({ expected: entra.user("Ada").oid, seen, own }));
          server.close();
          await entra.close();
        });
      `,
    );
    const { expected, seen, own } = JSON.parse(
      await runNode(installed.folder, ["shared-context.mjs"]),
    ) as Record<string, never>;
    expect(seen).toEqual({ oid: expected, header: null });
    expect(own).toBe(expected);
  });

  it("is one context for two copies of the package in one process", async () => {
    const second = await mkdtemp(join(tmpdir(), "second-copy-"));
    try {
      await cp(join(installed.folder, "node_modules"), join(second, "node_modules"), { recursive: true });
      await writeFile(
        join(installed.folder, "two-copies.mjs"),
        `
        import { runWithUserContext, isConsentRequiredError } from "hosted-agent-identity";
        import { testUserContext } from "hosted-agent-identity/testing";
        const other = await import(${JSON.stringify(join(second, "node_modules/hosted-agent-identity/dist/index.js"))});
        const context = testUserContext({});
        const seen = runWithUserContext(context, () => other.tryGetUserContext());
        const error = new other.ConsentRequiredError([new other.ConsentRequest({ link: "https://login.example.com/", serverLabel: "x", reason: "consent" })]);
        console.log(JSON.stringify([seen === context, seen.hasUserToken === context.hasUserToken, isConsentRequiredError(error)]));
        `,
      );
      expect(JSON.parse(await runNode(installed.folder, ["two-copies.mjs"]))).toEqual([true, true, true]);
    } finally {
      await rm(second, { recursive: true });
    }
  });

  /** What is loaded when these entries are imported, in order. */
  async function loadedBy(...entries: string[]): Promise<string[]> {
    const imports = entries.map((entry) => `import "hosted-agent-identity${entry}";`);
    await writeFile(join(installed.folder, "lazy.mjs"), imports.join("\n"));
    const trace = await runNode(installed.folder, [
      "--experimental-loader",
      traceLoader(),
      "--no-warnings",
      "lazy.mjs",
    ]);
    return trace.split("\n").filter((line) => line.startsWith("resolved "));
  }

  it("loads neither MSAL, jose, @azure/identity, OpenTelemetry nor a framework for the root", async () => {
    const imported = await loadedBy("");
    const others = /msal|jose|@azure\/identity|opentelemetry|express|fastify|hono/;
    expect(imported.length).toBeGreaterThan(1);
    expect(imported.filter((line) => others.test(line))).toEqual([]);
    // Each file costs a start of the process something: a bundler that splits freely makes twice as many.
    expect(new Set(imported.filter((line) => line.includes("/dist/"))).size).toBeLessThanOrEqual(24);
  });

  it("loads OpenTelemetry for ./otel, and for no other entry", async () => {
    const others = [
      "",
      "/ai-sdk",
      "/consent",
      "/express",
      "/fastify",
      "/hono",
      "/node",
      "/openai-agents",
      "/server",
      "/sign-in",
      "/testing",
      "/turn",
    ];
    expect((await loadedBy(...others)).filter((line) => line.includes("opentelemetry"))).toEqual([]);
    expect((await loadedBy("/otel")).some((line) => line.includes("@opentelemetry/api"))).toBe(true);
  });

  it.each([
    "",
    "/ai-sdk",
    "/express",
    "/fastify",
    "/hono",
    "/node",
    "/openai-agents",
    "/otel",
    "/server",
    "/testing",
    "/turn",
  ])("can be required from CommonJS: %s", async (entry) => {
    await writeFile(
      join(installed.folder, "required.cjs"),
      `console.log(Object.keys(require("hosted-agent-identity${entry}")).length);`,
    );
    expect(Number(await runNode(installed.folder, ["--no-warnings", "required.cjs"]))).toBeGreaterThan(0);
  });

  it.each([
    ["with the DOM's types", ["ES2023", "DOM", "DOM.Iterable"]],
    ["without them", ["ES2023"]],
  ])(
    "typechecks in a strict project %s",
    async (_how, lib) => {
      await writeFile(
        join(installed.folder, "consumer.ts"),
        `
      import * as root from "hosted-agent-identity";
      import { responses, userContext } from "hosted-agent-identity/express";
      import * as fastify from "hosted-agent-identity/fastify";
      import * as hono from "hosted-agent-identity/hono";
      import * as node from "hosted-agent-identity/node";
      import { aiSdkOutput } from "hosted-agent-identity/ai-sdk";
      import { agentsOutput } from "hosted-agent-identity/openai-agents";
      import { openTelemetry } from "hosted-agent-identity/otel";
      import { startEntra } from "hosted-agent-identity/testing";
      import { withConsent } from "hosted-agent-identity/turn";
      const resource: root.ProtectedResource = root.protectedResource({ url: "https://x.example", serverLabel: "x", scopes: ["api://x/y"], audiences: ["api://x"] });
      const access: root.UserAccess = root.userAccess(resource, [root.passthrough()], { onEvent: openTelemetry() });
      const send: (url: string | URL, init?: RequestInit) => Promise<Response> = access.fetch;
      const code: root.ErrorCode = "no_token";
      // @ts-expect-error an undocumented code
      const wrong: root.ErrorCode = "no_such_code";
      export const used = [send, code, wrong, responses, userContext, fastify.userContext, hono.userContext, node.userContext, aiSdkOutput, agentsOutput, startEntra, withConsent];
      `,
      );
      const compilerOptions = {
        target: "ES2023",
        module: "NodeNext",
        moduleResolution: "NodeNext",
        strict: true,
        exactOptionalPropertyTypes: true,
        noUncheckedIndexedAccess: true,
        skipLibCheck: false,
        noEmit: true,
        types: ["node"],
        lib,
      };
      expect(faultsOf(join(installed.folder, "consumer.ts"), compilerOptions)).toBe("");
    },
    180_000,
  );
});

function inPackage(file: string): string {
  return join(installed.folder, "node_modules/hosted-agent-identity", file);
}

/** The files that Markdown links to, without their anchors. */
function relativeLinks(markdown: string): string[] {
  const prose = markdown.replaceAll(/^```[\s\S]*?^```/gm, "").replaceAll(/`[^`\n]*`/g, "");
  return [...prose.matchAll(/\]\(([^)\s]+)\)|(?:href|src)="([^"]+)"/g)]
    .map(([, link, attribute]) => (link ?? attribute ?? "").split("#", 1)[0] ?? "")
    .filter((link) => link !== "" && !/^[a-z]+:/i.test(link));
}

const parsed = new Map<string, SourceFile | undefined>();

/** What the compiler has to say. In one process: it reads every file once, and starts slowly. */
function faultsOf(file: string, settings: object): string {
  const { options, errors } = convertCompilerOptionsFromJson(settings, dirname(file));
  const host = createCompilerHost(options);
  const { getSourceFile } = host;
  host.getCurrentDirectory = () => dirname(file);
  host.getSourceFile = (name, ...how) => {
    if (!parsed.has(name)) parsed.set(name, getSourceFile(name, ...how));
    return parsed.get(name);
  };
  const program = createProgram([file], options, host);
  return formatDiagnostics([...errors, ...getPreEmitDiagnostics(program)], host);
}

/** A module hook that prints what is resolved; as a data URL, so that no file has to be installed. */
function traceLoader(): string {
  const source =
    "export async function resolve(specifier, context, next) { const found = await next(specifier, context); console.log('resolved ' + found.url); return found; }";
  return `data:text/javascript,${encodeURIComponent(source)}`;
}

it("names every entry of package.json in the README", () => {
  const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    exports: Record<string, unknown>;
  };
  const readme = readFileSync(join(root, "README.md"), "utf8");
  for (const entry of Object.keys(exports).filter((name) => name !== "./package.json"))
    expect(readme).toContain(`\`${entry}\``);
});
