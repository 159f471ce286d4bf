import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { keptFolder } from "./kept-folder.js";

/** A server of the Go SDK, built. */
export interface GoProgram {
  readonly program: string;
  /** Of the SDK. */
  readonly version: string;
}

const run = promisify(execFile);
const folder = fileURLToPath(new URL("../go", import.meta.url));
const sdk = "github.com/modelcontextprotocol/go-sdk";
const places = ["go", "/usr/local/go/bin/go", "/usr/lib/go/bin/go"];

/** The conformance server of the Go SDK, in the release of `go/go.mod`, built if it is not there yet. */
export async function goServer(): Promise<GoProgram> {
  const [mod, sum] = ["go.mod", "go.sum"].map((name) => readFileSync(`${folder}/${name}`, "utf8"));
  const version = new RegExp(`${sdk} v(\\S+)`).exec(mod ?? "")?.[1] ?? "";
  const compiler = await findGo();
  const { stdout: identity } = await run(compiler, ["version"]);
  const kept = await keptFolder("go", [mod ?? "", sum ?? "", identity], async (making) => {
    const out = `${making}/everything-server`;
    await run(
      compiler,
      ["build", "-mod=readonly", "-buildvcs=false", "-o", out, `${sdk}/conformance/everything-server`],
      {
        cwd: folder,
        env: { ...process.env, GOTOOLCHAIN: "local", GOFLAGS: "" },
      },
    );
  });
  return { program: `${kept}/everything-server`, version };
}

async function findGo(): Promise<string> {
  for (const place of places) {
    if (place.startsWith("/") && !existsSync(place)) continue;
    const found = await run(place, ["version"]).then(
      () => true,
      () => false,
    );
    if (found) return place;
  }
  throw new Error("No Go: install Go 1.25 or newer.");
}
