import { describe, expect, it } from "vitest";
import type { GrantRecord, KeptToken, StoredGrant } from "../../../src/sign-in/grants/record.js";
import {
  afterClaim,
  afterClaimedRefresh,
  afterRefresh,
  afterRelease,
  afterSignIn,
  usedBy,
} from "../../../src/sign-in/grants/record-changes.js";

const grant: StoredGrant = {
  account: { tid: "t", oid: "o" },
  refreshToken: "first",
  resources: ["https://a.example.com/"],
  scopes: ["api://a/read"],
  signedInAt: 1,
  updatedAt: 1,
  sequence: 1,
  indexedAt: 1,
  signIns: 1,
};
const started: GrantRecord = { generation: 5, grant, tokens: [] };

function token(obtainedAt: number, more: Partial<KeptToken> = {}): KeptToken {
  return {
    url: "https://a.example.com/",
    scopes: ["api://a/read"],
    token: `token-${obtainedAt}`,
    obtainedAt,
    refreshAt: obtainedAt + 1_000_000,
    expiresAt: obtainedAt + 3_600_000,
    ...more,
  };
}

it("keeps the refresh token that was written first, whatever the clocks of the others say", () => {
  const one = afterRefresh(started, started, "of-2", token(2)) as GrantRecord;
  expect([one.grant?.refreshToken, one.grant?.sequence]).toEqual(["of-2", 2]);
  const late = afterRefresh(one, started, "of-9", token(9)) as GrantRecord;
  expect([late.grant?.refreshToken, late.grant?.updatedAt]).toEqual(["of-2", 9]);
  expect(late.tokens.map(({ obtainedAt }) => obtainedAt)).toEqual([9]);
  const next = afterRefresh(late, late, "of-10", token(10)) as GrantRecord;
  expect(next.grant?.refreshToken).toBe("of-10");
});

it("keeps the links that were used, for an hour and 64 at most", () => {
  const signedIn = { account: grant.account, refreshToken: "new", resources: [], scopes: [] };
  const use = (record: GrantRecord, ticket: string, at: number): GrantRecord =>
    afterSignIn(record, signedIn, undefined, at, { ticket, by: `sign-in with ${ticket}` });
  const hour = 3_600_000;
  const one = use(started, "a", 1);
  expect(usedBy(one, "a")).toBe("sign-in with a");
  expect(usedBy(afterRefresh(one, one, "of-2", token(2)) as GrantRecord, "a")).toBe("sign-in with a");
  expect(usedBy(use(one, "b", hour), "a")).toBe("sign-in with a");
  expect(usedBy(use(one, "b", hour + 1), "a")).toBeUndefined();
  let many = started;
  for (let n = 0; n < 64; n += 1) many = use(many, `${n}`, n + 2);
  expect(() => use(many, "more", hour)).toThrow(expect.objectContaining({ code: "quota_reached" }));
  expect(usedBy(use(many, "later", hour + 2), "later")).toBe("sign-in with later");
});

it("keeps the refresh token when the answer brings none", () => {
  const next = afterRefresh(started, started, undefined, token(2));
  expect(next?.grant?.refreshToken).toBe("first");
});

it.each<[string, GrantRecord]>([
  ["signed out", { generation: 6, grant: undefined, tokens: [] }],
  ["signed out and in again", { generation: 6, grant, tokens: [] }],
  ["signed in again", { generation: 5, grant: { ...grant, signIns: 2 }, tokens: [] }],
  [
    "connected to another account",
    { generation: 5, grant: { ...grant, account: { tid: "t", oid: "x" } }, tokens: [] },
  ],
])("writes nothing when the person has %s meanwhile", (_what, current) => {
  expect(afterRefresh(current, started, "late", token(2))).toBeUndefined();
});

it("keeps tokens of other resources and demands, and drops what is expired or replaced", () => {
  const tokens = [
    token(1, { url: "https://b.example.com/" }),
    token(1, { claims: '{"access_token":{}}' }),
    token(1),
    token(1, { scopes: ["api://a/read", "api://a/write"] }),
    token(1, { url: "https://c.example.com/", expiresAt: 2 }),
  ];
  const made = token(4_000);
  const next = afterRefresh({ ...started, tokens }, started, "r", made);
  expect(next?.tokens).toEqual([tokens[0], tokens[1], tokens[3], made]);
});

it("keeps a bounded number of tokens, and always the new one", () => {
  const tokens = Array.from({ length: 40 }, (_, n) => token(1, { url: `https://${n}.example.com/` }));
  const made = token(2);
  const next = afterRefresh({ ...started, tokens }, started, "r", made);
  expect(next?.tokens).toHaveLength(16);
  expect(next?.tokens.at(-1)).toBe(made);
});

describe("a claim", () => {
  const claimed = afterClaim(started, "a") as GrantRecord;

  it("is the next in the record's sequence, and taken over only from another one", () => {
    expect(claimed.grant).toMatchObject({ sequence: 2, claim: { id: "a", takenOver: false } });
    expect(afterClaim(claimed, "b")?.grant).toMatchObject({
      sequence: 3,
      claim: { id: "b", takenOver: true },
    });
    expect(afterClaim(claimed, "b", "a")?.grant.claim).toEqual({ id: "b", takenOver: false });
    const second = afterClaim(claimed, "b") as GrantRecord;
    expect(afterClaim(second, "c", "b")?.grant.claim).toEqual({ id: "c", takenOver: true });
  });

  it("ends with the refresh of its holder, and with nobody else's", () => {
    const done = afterClaimedRefresh(claimed, "a", "next", token(2));
    expect(done?.grant).toMatchObject({ refreshToken: "next", sequence: 3, claim: undefined });
    expect(afterClaimedRefresh(claimed, "b", "late", token(2))).toBeUndefined();
    expect(afterClaimedRefresh(started, "a", "late", token(2))).toBeUndefined();
    expect(afterClaimedRefresh({ ...started, grant: undefined }, "a", "late", token(2))).toBeUndefined();
  });

  it("ends when its holder gives it back, with the refresh token as it was", () => {
    expect(afterRelease(claimed, "a")?.grant).toMatchObject({ refreshToken: "first", claim: undefined });
    expect(afterRelease(claimed, "b")).toBeUndefined();
  });

  it("ends with a new sign-in", () => {
    const { account, resources, scopes } = grant;
    const again = afterSignIn(claimed, { account, refreshToken: "new", resources, scopes }, undefined, 5);
    expect(again.grant?.claim).toBeUndefined();
    expect(afterClaimedRefresh(again, "a", "late", token(6))).toBeUndefined();
  });

  it("is on no grant that has ended", () => {
    expect(afterClaim({ ...started, grant: undefined }, "a")).toBeUndefined();
  });
});
