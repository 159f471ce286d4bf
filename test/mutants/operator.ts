import type { Mutant } from "./mutant.js";

const adminTests = ["test/sign-in/admin/admin.test.ts"];
const auditTests = ["test/sign-in/audit/audit.test.ts"];
const keyTests = ["test/sign-in/keys/renewed-keys.test.ts"];

/** What operators are given and can end, what the audit says and refuses, and keys that change. */
export const operatorMutants: readonly Mutant[] = [
  {
    name: "issued-without-the-record-that-is-required",
    rule: 19,
    find: 'if (!isWritten && required) throw new HostedAgentIdentityError("audit_unavailable");',
    replace: "",
    tests: auditTests,
  },
  {
    name: "audit-names-the-id-of-work",
    rule: 2,
    find: 'return known?.kind === "long-running" ? { work: digest(known.id).slice(0, 16) } : { principal: owner };',
    replace: "return { principal: owner };",
    tests: [...auditTests, ...adminTests],
  },
  {
    name: "audit-quotes-what-a-sink-throws",
    rule: 2,
    find: 'if (!isHostedAgentIdentityError(cause)) return { outcome: "failed", reason: "unexpected" };',
    replace: 'if (!isHostedAgentIdentityError(cause)) return { outcome: "failed", reason: String(cause) };',
    tests: auditTests,
  },
  {
    name: "erased-chat-stays-pinned",
    rule: 9,
    find: "if (unpins) await removePin(core, owner);",
    replace: "",
    tests: adminTests,
  },
  {
    name: "erased-account-waits-for-its-code",
    rule: 9,
    find: "service.grantsOf(ticket.agent).expect(arrived.account, owner),",
    replace: "undefined,",
    tests: adminTests,
  },
  {
    name: "another-account-is-erased-with-it",
    rule: 4,
    find: "const isTheirs = grant === undefined || isSame(grant.account, account);",
    replace: "const isTheirs = true as boolean;",
    tests: adminTests,
  },
  {
    name: "another-account-is-listed-with-it",
    rule: 4,
    find: 'return record.status !== "live" || whose.kind === "platform" || isSame(record.account, whose.account);',
    replace: "return true;",
    tests: adminTests,
  },
  {
    name: "messages-of-another-are-exported-with-it",
    rule: 4,
    find: "if (isTheirs) messages.push(...(await messagesOf(core, owner)));",
    replace: "messages.push(...(await messagesOf(core, owner)));",
    tests: adminTests,
  },
  {
    name: "record-of-a-newer-key-is-overwritten",
    rule: 10,
    find: "await keys.learn(() => [text]);",
    replace: "",
    tests: keyTests,
  },
  {
    name: "anybody-has-the-keys-asked-for",
    rule: 16,
    find: "if (known === undefined || clocks.age() - askedAt < restMs) return undefined;",
    replace: "if (known === undefined) return undefined;",
    tests: keyTests,
  },
  {
    name: "old-keys-go-when-the-new-ones-fail",
    rule: 10,
    find: 'emit(onEvent, { type: "encryption_keys_failed", code });',
    replace: 'emit(onEvent, { type: "encryption_keys_failed", code }); known = undefined;',
    tests: keyTests,
  },
];
