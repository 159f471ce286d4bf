/** Whom a token stands for. `unclear`: it does not say, or says two things. */
export type Subject = "person" | "application" | "agent_user" | "unclear";

/**
 * What `idtyp` and `scp` say together; `own` where that hangs on `sub`. Written out here instead of shared with the
 * library, so that one wrong rule is not wrong on both sides.
 * Source: identity-platform/access-token-claims-reference; agent-id/agent-token-claims for `scp` of "/".
 */
const subjects: Readonly<Record<`${Idtyp} ${Scp}`, Subject | "own">> = {
  "absent scopes": "person",
  "absent none": "own",
  "absent odd": "unclear",
  "user scopes": "person",
  "user none": "unclear",
  "user odd": "unclear",
  "app scopes": "unclear",
  "app none": "application",
  "app odd": "unclear",
  "odd scopes": "unclear",
  "odd none": "unclear",
  "odd odd": "unclear",
};

type Idtyp = "absent" | "user" | "app" | "odd";
type Scp = "scopes" | "none" | "odd";

/** Whom the claims of a token stand for, by what Entra documents. */
export function subjectIn(claims: Readonly<Record<string, unknown>>): Subject {
  const { oid, sub, azp, appid, xms_sub_fct: facts } = claims;
  const given = [sub, azp, appid, facts].filter((claim) => claim !== undefined);
  if (![oid, ...given].every((claim) => typeof claim === "string") || oid === "") return "unclear";
  if (azp !== undefined && appid !== undefined && azp !== appid) return "unclear";
  const has = (fact: string): boolean => String(facts).split(" ").includes(fact);
  if (has("13")) return "agent_user";
  const said = subjects[`${idtypOf(claims["idtyp"])} ${scpOf(claims["scp"])}`];
  const isItself = claims["idtyp"] === undefined && sub === oid;
  if (said === "person") return has("11") || isItself ? "unclear" : "person";
  if (said === "own" && !isItself) return "unclear";
  return said === "unclear" || !isNamed(azp ?? appid) ? "unclear" : "application";
}

function isNamed(client: unknown): boolean {
  return client !== undefined && client !== "";
}

function idtypOf(idtyp: unknown): Idtyp {
  if (idtyp === undefined) return "absent";
  return idtyp === "user" || idtyp === "app" ? idtyp : "odd";
}

/** Tokens of agent identities for themselves have "/" where a person's have scopes. */
function scpOf(scp: unknown): Scp {
  if (scp === undefined || scp === "" || scp === "/") return "none";
  return typeof scp === "string" ? "scopes" : "odd";
}
