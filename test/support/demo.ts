import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { compiled } from "./compiled.js";

export const root: string = fileURLToPath(new URL("../..", import.meta.url));

/** Runs the demo on the sources. Whatever it prints, it prints no token, code, secret or link. */
export async function demo(
  args: readonly string[],
  more: Readonly<Record<string, string>> = {},
  node: string = process.execPath,
): Promise<{ code: number; output: string }> {
  const command = [compiled("examples/chat/main.ts"), ...args];
  const env = { ...process.env, ...more };
  const ran = await new Promise<{ code: number; output: string }>((done) => {
    const child = execFile(node, command, { cwd: root, env, timeout: 100_000 }, (_, out, err) => {
      done({ code: child.exitCode ?? -1, output: out + err });
    });
  });
  expect(ran.output).not.toMatch(/eyJ[A-Za-z0-9_-]{10,}\./);
  expect(ran.output).not.toMatch(/[?&](t|code|state|data|client_id|login_hint)=/);
  expect(ran.output).not.toMatch(/\b[A-Z2-7]{3}-[A-Z2-7]{3}-[A-Z2-7]{3}\b/);
  return ran;
}
