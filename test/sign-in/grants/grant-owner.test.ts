import { principalKey, type Principal } from "hosted-agent-identity";
import { describe, expect, it } from "vitest";
import { grantOwner, ownerProof, ownGrantKey } from "../../../src/sign-in/grants/grant-owner.js";

const principals: { readonly [K in Principal["kind"]]: Principal & { readonly kind: K } } = {
  entra: { kind: "entra", tid: "t", oid: "o" },
  resource: { kind: "resource", tid: "t", oid: "o", audience: "a" },
  platform: { kind: "platform", project: "p", agent: "a", id: "i" },
  oidc: { kind: "oidc", iss: "i", sub: "s" },
};

describe("the owner that a stored key names", () => {
  it.each(Object.values(principals))("is the principal the key was made of: $kind", (principal) => {
    expect(grantOwner(principalKey(principal))).toEqual(principal);
  });

  it("is long-running work, for the key of its own grant", () => {
    expect(grantOwner(ownGrantKey("id"))).toEqual({ kind: "long-running", id: "id" });
  });

  it("is unknown for a kind of a newer version, which proves nothing", () => {
    const key = JSON.stringify(["newer", "a", "b"]);
    expect([grantOwner(key), ownerProof(key)]).toEqual([undefined, undefined]);
  });

  it("proves a sign-in as the principal does, and long-running work proves none", () => {
    const proofs = Object.values(principals).map((principal) => ownerProof(principalKey(principal))?.by);
    expect(proofs).toEqual(["account", undefined, "code", undefined]);
    expect(ownerProof(ownGrantKey("id"))).toBeUndefined();
  });
});
