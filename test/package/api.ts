/** `npm run api`: writes what each entry declares into `etc/api`. Needs a build. */
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { apiReports, reportFolder, reportName } from "./api-report.js";

await rm(reportFolder, { recursive: true, force: true });
await mkdir(reportFolder, { recursive: true });
for (const [entry, report] of await apiReports())
  await writeFile(join(reportFolder, reportName(entry)), report);
