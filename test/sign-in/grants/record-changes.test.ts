import { expect, it } from "vitest";
import type { GrantRecord, KeptToken, StoredGrant } from "../../../src/sign-in/grants/record.js";
import { afterRefresh } from "../../../src/sign-in/grants/record-changes.js";

const grant: StoredGrant = {
  account: { tid: "t", oid: "o" },
  refreshToken: "first",
  resources: ["https://a.example.com/"],
  scopes: ["api://a/read"],
  signedInAt: 1,
  updatedAt: 1,
  refreshedAt: 1,
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

it("keeps the newest refresh token, whichever process writes last", () => {
  const one = afterRefresh(started, started, "of-2", token(2)) as GrantRecord;
  const two = afterRefresh(one, started, "of-3", token(3)) as GrantRecord;
  expect([two.grant?.refreshToken, two.grant?.refreshedAt]).toEqual(["of-3", 3]);
  const late = afterRefresh(two, started, "of-2-late", token(2)) as GrantRecord;
  expect([late.grant?.refreshToken, late.grant?.updatedAt]).toEqual(["of-3", 3]);
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
