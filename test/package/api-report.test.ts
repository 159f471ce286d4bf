import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { apiReports, reportFolder, reportName } from "./api-report.js";

let reports: ReadonlyMap<string, string>;
beforeAll(async () => {
  reports = await apiReports();
}, 120_000);

it("every entry declares what its report in etc/api says; a wanted change is written by `npm run api`", async () => {
  expect(reports.size).toBeGreaterThan(9);
  for (const [entry, report] of reports) {
    const frozen = await readFile(join(reportFolder, reportName(entry)), "utf8").catch(() => "");
    expect(report, `${entry} differs from its report: see \`npm run api\``).toBe(frozen);
  }
});

it("there is no report of an entry that is gone", async () => {
  expect((await readdir(reportFolder)).toSorted()).toEqual([...reports.keys()].map(reportName).toSorted());
});

it("a report follows declarations into the files that hold them, and has no comments", () => {
  const report = reports.get(".") ?? "";
  expect(report).toContain("interface ProtectedResourceInit");
  expect(report).toMatch(/declare function responses\(/);
  expect(report).not.toContain("/**");
  expect(report).not.toMatch(/from '\.\.?\//);
});
