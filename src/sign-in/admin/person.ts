import { principalKey } from "../../context/principal.js";
import { foundryEnvironment } from "../../foundry/environment.js";
import { invalid } from "../../options/invalid.js";
import type { FoundRecord, Grants } from "../grants/grant.js";
import { isSame } from "../grants/record-changes.js";
import type { SignInInternals } from "../sign-in-internals.js";
import type { AdminPerson } from "./admin.js";
import { agentsOf, ownersOf } from "./ending.js";

/** A person as the records know one. */
export type Whose =
  | { readonly kind: "account"; readonly account: { readonly tid: string; readonly oid: string } }
  | { readonly kind: "platform"; readonly owner: string };

/** Whom the options of a call mean. Throws `invalid_option` for a platform id of no place. */
export function whoseOf(person: AdminPerson): Whose {
  if ("oid" in person) {
    const account = { tid: person.tid.toLowerCase(), oid: person.oid.toLowerCase() };
    return { kind: "account", account };
  }
  const here = foundryEnvironment(process.env);
  const { platformUserId: id, project = here.projectEndpoint, agent = here.agentName } = person;
  if (project === undefined || agent === undefined)
    throw invalid("signIn.admin: person", "name the platform's project and agent: this process has none.");
  return { kind: "platform", owner: principalKey({ kind: "platform", project, agent, id }) };
}

export interface Place {
  readonly agent: string;
  readonly grants: Grants;
  readonly owner: string;
}

/** Where a person may have something, in an order that stays. */
export async function placesOf(service: SignInInternals, whose: Whose): Promise<readonly Place[]> {
  const places: Place[] = [];
  for (const agent of agentsOf(service)) {
    const grants = service.grantsOf(agent);
    const owners = whose.kind === "account" ? await ownersOf(grants, whose.account) : [whose.owner];
    for (const owner of [...owners].sort()) places.push({ agent, grants, owner });
  }
  return places;
}

/** Whether a record is of this person: an account may share a platform id with another one. */
export function isOf(whose: Whose, record: FoundRecord): boolean {
  return record.status !== "live" || whose.kind === "platform" || isSame(record.account, whose.account);
}
