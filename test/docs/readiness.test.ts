import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Programs that host an agent: those that mount a handler at `/responses`, and those on a plain server. */
const hosting = /post\(\s*"\/responses"|createServer\([\s\S]*asUser\(request/;

function filesOf(folder: string): readonly string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => /\.(md|ts)$/.test(file) && !file.includes("node_modules"))
    .map((file) => `${folder}/${file}`);
}

it("every agent of README, guides and examples answers GET /readiness, in front of the middleware", () => {
  const programs = ["README.md", ...filesOf("docs/guides"), ...filesOf("examples")].flatMap((file) => {
    const text = readFileSync(join(root, file), "utf8");
    const blocks = file.endsWith(".md") ? [...text.matchAll(/```ts.*?\n([\s\S]*?)```/g)] : [[text, text]];
    return blocks.map(([, code = ""]) => ({ file, code }));
  });
  const agents = programs.filter(({ code }) => hosting.test(code));
  expect(agents.length).toBeGreaterThan(10);
  const unready = agents.filter(({ code }) => {
    const ready = code.indexOf('"/readiness"');
    return (
      ready === -1 || ready > code.search(/\.use\(userContext|register\(userContext|asUser\(request,/) >>> 0
    );
  });
  expect(unready.map(({ file }) => file)).toEqual([]);
});
