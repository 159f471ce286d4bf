import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** What the platform sets and an agent may only read. Every other name with these prefixes is refused at deployment. */
const setByThePlatform = [
  "FOUNDRY_AGENT_BLUEPRINT_CLIENT_ID",
  "FOUNDRY_AGENT_ID",
  "FOUNDRY_AGENT_INSTANCE_CLIENT_ID",
  "FOUNDRY_AGENT_NAME",
  "FOUNDRY_AGENT_SESSION_ID",
  "FOUNDRY_AGENT_TENANT_ID",
  "FOUNDRY_AGENT_VERSION",
  "FOUNDRY_HOSTING_ENVIRONMENT",
  "FOUNDRY_PROJECT_ENDPOINT",
];

it("no setting of ours has a prefix that Foundry reserves", () => {
  const found = [
    "README.md",
    "CONTRIBUTING.md",
    ...filesOf("docs"),
    ...filesOf("examples"),
    ...filesOf("src"),
  ].flatMap((file) =>
    reservedNames(readFileSync(join(root, file), "utf8")).map((name) => `${file}: ${name}`),
  );
  expect(found.filter((line) => !setByThePlatform.some((name) => line.endsWith(`: ${name}`)))).toEqual([]);
  // The search finds what the platform does set, so it would find a name of ours.
  for (const name of setByThePlatform) expect(found.join("\n")).toContain(`: ${name}`);
});

it.each(["AGENT_CLIENT_ID=x", '"AGENT_NAME"', "FOUNDRY_APP_SECRET", "- name: AGENT_TENANT_ID"])(
  "a reserved name is found in %s",
  (text) => expect(reservedNames(text)).toHaveLength(1),
);

function reservedNames(text: string): readonly string[] {
  return [...text.matchAll(/(?<![A-Z_])(?:AGENT|FOUNDRY)_[A-Z0-9][A-Z0-9_]*/g)].map(([name]) => name);
}

function filesOf(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes("node_modules"))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length))
    .filter(
      (file) => /\.(?:md|ts|js|json|yaml|py)$|Dockerfile$/.test(file) && !file.startsWith("docs/site/"),
    );
}
