import type { Mutant } from "./mutant.js";

const tests = ["test/tokens/back-off.test.ts"];

/** Who waits, for how long, and that everybody else does not. */
export const backOffMutants: readonly Mutant[] = [
  {
    name: "asks-on-although-entra-wants-a-wait",
    rule: 11,
    find: "if (own !== undefined && isWaiting(own, now())) refuse(own.until);",
    replace: "",
    tests,
  },
  {
    name: "one-persons-trouble-stops-everybody",
    rule: 11,
    find: "troubled.size >= distinctPrincipals ||",
    replace: "troubled.size >= 1 ||",
    tests,
  },
  {
    name: "trouble-of-many-stops-nobody",
    rule: 11,
    find: "if (isWaiting(app, now())) refuse(app.until);",
    replace: "",
    tests,
  },
  {
    name: "everybody-probes-at-once",
    rule: 11,
    find: "if (probing) refuse(now() + firstMs);",
    replace: "",
    tests,
  },
  {
    name: "a-success-does-not-end-the-wait-of-all",
    rule: 11,
    find: "if (error === undefined) app = undefined;",
    replace: "",
    tests,
  },
  {
    name: "a-loop-goes-on",
    rule: 11,
    find: 'if (category === "loop" || troubled.size',
    replace: "if (troubled.size",
    tests,
  },
  {
    name: "a-wait-of-nothing",
    rule: 11,
    find: "Math.max(error.retryAfterMs ?? doubled, firstMs)",
    replace: "error.retryAfterMs ?? doubled",
    tests,
  },
  {
    name: "waits-do-not-grow",
    rule: 11,
    find: "Math.min(before.lastMs * 2, longestMs)",
    replace: "firstMs",
    tests,
  },
  {
    name: "waits-grow-without-end",
    rule: 11,
    find: "Math.min(before.lastMs * 2, longestMs)",
    replace: "before.lastMs * 2",
    tests,
  },
  {
    name: "a-clock-put-back-makes-the-wait-longer",
    rule: 11,
    find: "until > now && until - now <= lastMs",
    replace: "until > now",
    tests,
  },
  {
    name: "a-store-that-is-down-counts-as-entra",
    rule: 11,
    find: ' || error.code === "store_unavailable"',
    replace: "",
    tests,
  },
  {
    name: "waits-of-everybody-who-ever-waited",
    rule: 11,
    find: "if (users.size > maxPrincipals) users",
    replace: "if (false as boolean) users",
    tests,
  },
];
