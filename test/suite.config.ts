import { defineConfig } from "vitest/config";
import newerNode, { needsNewerNode } from "./newer-node.config.js";
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
  "exchange",
  "foundry",
  "http",
  "input",
  "mcp",
  "options",
  "redaction",
  "request",
  "sealing",
  "server",
  "sign-in/audit",
  "sign-in/binding",
  "sign-in/flow",
  "sign-in/grants",
  "sign-in/keys",
  "sign-in/link",
  "sign-in/pages",
  "sign-in/texts",
  "sources",
  "testing",
  "tokens",
  "toolbox",
  "turn",
  "user-token",
];

/** Files of these folders that need a process of their own nevertheless. */
export const unshared = [
  // They count the timers of the whole process, those that another file has left behind included.
  "client-pool",
  "running-turns",
  // It loads modules again.
  "second-copy",
  // MSAL keeps what it got for a managed identity as long as the process lives.
  "agent-on-behalf-of",
  "agent-token",
  "credentials",
  "entra-foundry",
  "entra-libraries",
  "managed-identity",
  "options",
  "toolbox-over-http",
  // They are long, and would be so one after the other.
  "attacks",
  "check",
];

const shared = sharing.map((folder) => `test/${folder}/**/!(${unshared.join("|")}).test.ts`);
const test = {
  ...base.test,
  // Tests that play a hanging server against the clock can lose to a busy machine. The summary names each that
  // needed its second try; the mutants have none.
  retry: 1,
};

/** The whole suite; the mutants use what it is based on, where each file has a process of its own. */
export default defineConfig({
  ...base,
  test: {
    ...test,
    projects: [
      {
        ...base,
        test: { ...test, name: "alone", exclude: ["**/node_modules/**", needsNewerNode, ...shared] },
      },
      { ...base, test: { ...test, name: "sharing", include: shared, isolate: false } },
      { ...newerNode, test: { ...newerNode.test, retry: 1 } },
    ],
  },
});
