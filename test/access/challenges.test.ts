import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bearerChallenge, parseChallenges } from "../../src/access/challenges.js";

const claims = '{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}';

describe("reading WWW-Authenticate (RFC 9110 section 11.6.1)", () => {
  it("reads quoted commas and escaped quotes", () => {
    expect(parseChallenges('Bearer realm="a, \\"b\\"", error="invalid_token"')).toEqual([
      { scheme: "bearer", parameters: { realm: 'a, "b"', error: "invalid_token" } },
    ]);
  });

  it("tells several challenges apart, one of them a blob", () => {
    const read = parseChallenges(
      'Negotiate YII=, Basic realm="x", Bearer scope="a b" , error=insufficient_scope',
    );
    expect(read.map(({ scheme }) => scheme)).toEqual(["negotiate", "basic", "bearer"]);
    expect(read[2]?.parameters).toEqual({ scope: "a b", error: "insufficient_scope" });
  });

  it.each([
    ["base64", Buffer.from(claims).toString("base64")],
    ["base64url", Buffer.from(claims).toString("base64url")],
  ])("reads a claims challenge in %s, in any order of fields", (_form, value) => {
    const header = `Bearer claims="${value}", realm="", authorization_uri="https://login.example/a", error="insufficient_claims"`;
    expect(bearerChallenge(header)).toEqual({ error: "insufficient_claims", scopes: [], claims });
  });

  it("takes claims that are no claims request for absent", () => {
    for (const value of ["bm90IGpzb24=", Buffer.from('{"id_token":{}}').toString("base64"), "%%%"]) {
      expect(bearerChallenge(`Bearer claims="${value}"`)?.claims).toBeUndefined();
    }
  });

  it("keeps the first of two parameters of one name", () => {
    expect(bearerChallenge('Bearer scope="mine", scope="theirs"')?.scopes).toEqual(["mine"]);
  });

  it("does not touch the prototype of anything", () => {
    parseChallenges('Bearer __proto__="x", constructor="y"');
    expect(({} as Record<string, unknown>)["x"]).toBeUndefined();
  });

  it("reads no header that is absent or absurdly long", () => {
    expect(parseChallenges(null)).toEqual([]);
    expect(parseChallenges(`Bearer realm="${"x".repeat(20_000)}"`)).toEqual([]);
  });

  it("ends on any input, with values only", () => {
    const piece = fc.constantFrom(
      "Bearer ",
      "Basic ",
      "realm",
      "=",
      '"',
      ",",
      " ",
      "\\",
      "a",
      "claims=",
      '"x"',
      "==",
      "\t",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ maxLength: 200 }),
          fc.array(piece, { maxLength: 60 }).map((all) => all.join("")),
        ),
        (header) => {
          for (const challenge of parseChallenges(header)) expect(typeof challenge.scheme).toBe("string");
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
