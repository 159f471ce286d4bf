/**
 * `npm test`: everything that is checked of ours; `npm run test:foreign` is for what nobody here wrote. What needs
 * one core runs beside something else that does; the mutants and the suite have workers of their own. Stops at the
 * first step that fails, and shows what it said.
 */
import { spawn } from "node:child_process";

/** Steps that run side by side, each lane in its order. */
type Stage = readonly (readonly string[])[];

const stages: readonly Stage[] = [
  [["build", "package-check", "lint", "types", "house"], ["test:fuzz"]],
  [["test:mutants"]],
  [["test:unit"]],
];

for (const lanes of stages) {
  const ends = await Promise.all(lanes.map((lane) => inOrder(lane, lanes.length === 1)));
  if (ends.includes(false)) process.exit(1);
}

async function inOrder(lane: readonly string[], isAlone: boolean): Promise<boolean> {
  for (const script of lane) {
    if (!(await passes(script, isAlone))) return false;
  }
  return true;
}

/** What runs alone says so as it goes; of what runs beside another, all is shown at its end, in one piece. */
function passes(script: string, isAlone: boolean): Promise<boolean> {
  const started = Date.now();
  const child = spawn("npm", ["run", "--silent", script], {
    stdio: isAlone ? "inherit" : ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => (said += String(chunk)));
  return new Promise((resolve) =>
    child.on("close", (code) => {
      process.stdout.write(said);
      // The last line of all is the suite's own summary.
      if (script !== "test:unit")
        console.log(
          `${code === 0 ? "ok" : "FAILED"}  npm run ${script}  ${Math.round((Date.now() - started) / 1000)} s`,
        );
      resolve(code === 0);
    }),
  );
}
