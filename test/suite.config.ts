import { defineConfig } from "vitest/config";
import base from "./vitest.config.js";

/**
 * Folders of tests that leave nothing behind, so that their files may share a process: loading the packages takes
 * longer than the tests. Nothing here mocks a module or registers a global.
 */
const sharing = [
  "access",
  "cli",
  "clients",
  "consent",
  "context",
  "contract",
  "entra",
  "errors",
  "foundry",
  "http",
  "input",
  "options",
  "request",
  "sealing",
  "server",
  "turn",
  "user-token",
]
  .map((folder) => `test/${folder}/**/*.test.ts`)
  // It counts the timers of the whole process, those that another file has left behind included.
  .map((files) => files.replace("turn/**/*", "turn/**/!(running-turns)"));
const { test } = base;

/** The whole suite; the mutants use what it is based on, where each file has a process of its own. */
export default defineConfig({
  ...base,
  test: {
    ...test,
    projects: [
      { ...base, test: { ...test, name: "alone", exclude: ["**/node_modules/**", ...sharing] } },
      { ...base, test: { ...test, name: "sharing", include: sharing, isolate: false } },
    ],
  },
});
