/**
 * Plays the whole demo with everything captured that anybody could read afterwards, and searches it for every token,
 * code, secret and link. A JSON Web Token's header names only an algorithm and a key, which anybody may know, but
 * it is searched for like the rest: who prints it prints a token. What anybody may know of a link is left out
 * (scheme, host, path, client id and so on): secrets-on-the-wire.ts.
 */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { newerNode } from "../node24/newer-node.js";
import { compiled } from "../support/compiled.js";
import { root } from "../support/demo.js";
import { isAllowed, unused } from "./allowed.js";
import { captureKinds, recorded } from "./recorder.js";
import { describeLeak, searchFor, type Capture, type Leak, type Secret } from "./search.js";

let folder: string;
let captures: readonly Capture[];
let secrets: readonly Secret[];
let leaks: readonly Leak[];
let ended: { readonly code: number | null; readonly failed: readonly string[] };

const isDemo = ({ secret, where }: Leak): boolean =>
  !secret.startsWith("canary of ") && !where.startsWith("a leaking page");

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "redaction-"));
  const files = ["test/redaction/recorder.ts", "test/redaction/listener.ts"].flatMap((file) => [
    "--import",
    compiled(file),
  ]);
  const env = { ...process.env, RECORD_TO: folder };
  // One that has the store in a file.
  const node = await newerNode();
  ended = await new Promise((done) => {
    const child = execFile(
      node,
      [...files, compiled("test/redaction/stage.ts")],
      { cwd: root, env, timeout: 280_000 },
      (_, output) =>
        done({
          code: child.exitCode,
          failed: output.split("\n").filter((line) => /^(SCENE )?FAILED/.test(line)),
        }),
    );
  });
  ({ captures, secrets } = recorded(folder));
  leaks = searchFor(secrets)(captures);
}, 300_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

test("the demo was played to its end", () => {
  expect(ended).toEqual({ code: 0, failed: [] });
});

test("it had secrets of every kind", () => {
  const enough = [
    ["access token", 20],
    ["id token", 8],
    ["refresh token", 8],
    ["authorization code", 8],
    ["PKCE verifier", 4],
    ["client secret", 4],
    ["identity header", 1],
    ["sealing key", 3],
    ["signing key", 3],
    ["link", 20],
    ["sign-in code", 8],
    ["cookie", 4],
  ] as const;
  const many = (kind: string): number => secrets.filter((one) => one.kind === kind).length;
  expect(enough.filter(([kind, least]) => many(kind) < least)).toEqual([]);
});

test.each(captureKinds)("what is leaked into %s is found there, and nowhere else", (kind) => {
  const found = leaks.filter(({ secret }) => secret === `canary of ${kind}`).map(({ capture }) => capture);
  expect(found).toContain(kind);
  // An address that leaks through a referrer stands in the history as well.
  expect(new Set(found.filter((one) => one !== "browser history"))).toEqual(
    new Set(kind === "browser history" ? [] : [kind]),
  );
});

test("nothing of the demo is anywhere else than it belongs", () => {
  expect(leaks.filter((leak) => isDemo(leak) && !isAllowed(leak)).map(describeLeak)).toEqual([]);
});

test("every place where a secret may be is one where there is one", () => {
  expect(unused(leaks)).toEqual([]);
});
