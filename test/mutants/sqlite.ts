import type { Mutant } from "./mutant.js";

const tests = ["test/sign-in/stores/sqlite.test.ts"];

/** What keeps a file of sign-ins whole, small, private, and its records no longer than they live. */
export const sqliteMutants: readonly Mutant[] = [
  {
    name: "a-file-that-others-can-read",
    rule: 10,
    find: 'closeSync(openSync(path, "wx", 0o600));',
    replace: 'closeSync(openSync(path, "wx", 0o644));',
    tests,
  },
  {
    name: "a-file-of-another-program",
    rule: 10,
    find: 'if (id !== applicationId || one("PRAGMA user_version", "user_version") !== version)',
    replace: "if (false as boolean)",
    tests,
  },
  {
    name: "a-table-of-another-form",
    rule: 10,
    find: "if (found !== table || tables !== 1)",
    replace: "if (false as boolean)",
    tests,
  },
  {
    name: "a-damaged-file-is-served",
    rule: 10,
    find: 'if (one("PRAGMA integrity_check(1)", "integrity_check") !== "ok")',
    replace: "if (false as boolean)",
    tests,
  },
  {
    name: "writes-to-a-deleted-file",
    rule: 10,
    find: "if (found?.dev === opened.dev && found.ino === opened.ino) return;",
    replace: "return;",
    tests,
  },
  {
    name: "a-file-in-a-sandbox",
    rule: 10,
    find: "if (!foundryEnvironment(process.env).hosted) return;",
    replace: "return;",
    tests,
  },
  {
    name: "a-held-file-is-waited-for-without-end",
    rule: 11,
    find: "if (attempt === 20 || !isBusy(error))",
    replace: "if (!isBusy(error))",
    tests,
  },
  {
    name: "a-held-file-stops-the-process",
    rule: 11,
    find: "PRAGMA busy_timeout = 50",
    replace: "PRAGMA busy_timeout = 2000",
    tests,
  },
  {
    name: "no-room-for-grants-in-a-file",
    rule: 19,
    find: "<= share * (file.maxPages - sparePages)",
    replace: "<= file.maxPages - sparePages",
    tests,
  },
  {
    name: "a-full-file-changes-nothing",
    rule: 19,
    find: "if (before === undefined || content.length > bytesOf(before.value).length) {",
    replace: "if (true as boolean) {",
    tests,
  },
  {
    name: "a-file-without-bound",
    rule: 19,
    find: "database.exec(`PRAGMA max_page_count = ${maxPages}`);",
    replace: "maxPages = 1_000_000;",
    tests,
  },
  {
    name: "a-code-outlives-a-clock-put-back",
    rule: 20,
    find: "return Math.abs(at - written) < ends - written;",
    replace: "return at - written < ends - written;",
    tests,
  },
  {
    name: "a-wrong-clock-deletes-grants",
    rule: 20,
    find: "return record.ends - record.written <= hourMs || performance.now() - openedAt >= hourMs;",
    replace: "return true;",
    tests,
  },
];
