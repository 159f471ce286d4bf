import type { Mutant } from "./mutant.js";

const claimTests = ["test/sign-in/grants/claimed-refresh.test.ts"];
const recordTests = ["test/sign-in/grants/record-changes.test.ts"];

/** The guards of refreshes that go one at a time. */
export const claimMutants: readonly Mutant[] = [
  {
    name: "claim-that-nobody-waits-for",
    rule: 6,
    find: "if (claim !== undefined && claim.id !== own && (await isHeld(claim))) {",
    replace: "if (false as boolean) {",
    tests: claimTests,
  },
  {
    name: "claim-taken-over-while-its-holder-writes",
    rule: 6,
    find: "return clocks.age() - gone.since < claims.graceMs;",
    replace: "return false;",
    tests: claimTests,
  },
  {
    name: "request-with-an-old-claim",
    rule: 6,
    find: 'step = clocks.age() - since > claims.sendMs ? "late" : "sent";',
    replace: 'step = "sent" as "late" | "sent";',
    tests: claimTests,
  },
  {
    name: "claim-given-back-while-the-server-works",
    rule: 6,
    find: 'if (verdict === "unknown") throw cause;',
    replace: 'if (verdict === "unknown") { await release(state, held); throw cause; }',
    tests: claimTests,
  },
  {
    name: "lost-grant-that-looks-revoked",
    rule: 6,
    find: 'const reason = verdict === "revoked" && claim.takenOver ? "refresh_lost" : verdict;',
    replace: "const reason = verdict;",
    tests: claimTests,
  },
  {
    name: "answer-over-another-claim",
    rule: 10,
    in: "afterClaimedRefresh",
    find: "if (grant?.claim?.id !== id) return undefined;",
    replace: "if (grant === undefined) return undefined;",
    tests: recordTests,
  },
  {
    name: "claim-of-another-given-back",
    rule: 6,
    in: "afterRelease",
    find: "if (grant?.claim?.id !== id) return undefined;",
    replace: "if (grant === undefined) return undefined;",
    tests: recordTests,
  },
  {
    name: "refresh-token-after-a-sign-out",
    rule: 10,
    find: "if (refreshToken !== undefined) await revoke(state, refreshToken);",
    replace: "",
    tests: claimTests,
  },
  {
    name: "revocation-that-ends-the-newer-grant",
    rule: 10,
    find: 'if (latest !== undefined) return "moved";',
    replace: "",
    tests: claimTests,
  },
  {
    name: "refresh-token-dropped-while-the-store-is-down",
    rule: 10,
    find: "state.unfinished.track(writeUntilClosed(state, held, answer)).catch(() => undefined);",
    replace: "",
    tests: claimTests,
  },
  {
    name: "close-cuts-a-refresh-off",
    rule: 10,
    find: "while (running.size > 0 && !isOver)",
    replace: "while (false as boolean)",
    tests: claimTests,
  },
  {
    name: "claim-after-close",
    rule: 10,
    find: 'if (unfinished.isClosing()) throw new HostedAgentIdentityError("closed");',
    replace: "",
    tests: claimTests,
  },
  {
    name: "grant-with-the-address-of-another",
    rule: 10,
    find: "return part?.of === digest(grantText) ? part.address : undefined;",
    replace: "return part?.address;",
    tests: claimTests,
  },
];
