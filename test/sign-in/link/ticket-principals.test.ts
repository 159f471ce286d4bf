import { afterAll, beforeAll, expect, it } from "vitest";
import { type EntraApp, type Principal } from "hosted-agent-identity";
import { memoryStore } from "hosted-agent-identity/sign-in";
import { entraAppInternals } from "../../../src/exchange/entra-app.js";
import { noAudit } from "../../../src/sign-in/audit/auditor.js";
import type { SignInContext } from "../../../src/sign-in/sign-in-context.js";
import { linkKeys } from "../../../src/sign-in/link/agents.js";
import { openTicket, sealTicket, type Ticket } from "../../../src/sign-in/link/ticket.js";
import { keyring } from "../../../src/sealing/keyring.js";
import { signInWorld, type SignInWorld } from "../support/signing-in.js";

let world: SignInWorld;
let app: EntraApp;
beforeAll(async () => {
  world = await signInWorld();
  app = world.app();
});
afterAll(() => world?.entra.close());

const [tid, oid] = ["a-tenant", "an-object-id"];
const person = { tid, oid };

/** Which principals a link may be for, with whom it names as the one to sign in. */
const tickets: readonly [status: "good" | "bad", principal: Principal, initiator?: typeof person][] = [
  ["good", { kind: "entra", tid, oid }, person],
  ["bad", { kind: "entra", tid, oid }, { tid, oid: "somebody-else" }],
  ["bad", { kind: "entra", tid, oid }],
  ["good", { kind: "platform", project: "p", agent: "agent", id: "i" }],
  ["bad", { kind: "platform", project: "p", agent: "agent", id: "i" }, person],
  ["bad", { kind: "resource", tid, oid, audience: "api://contacts" }, person],
  ["bad", { kind: "resource", tid, oid, audience: "api://contacts" }],
  ["bad", { kind: "oidc", iss: "https://issuer.example.com", sub: oid }, person],
  ["bad", { kind: "oidc", iss: "https://issuer.example.com", sub: oid }],
  ["bad", { kind: "odd", tid, oid } as unknown as Principal, person],
];

it.each(tickets)(
  "a link is %s that an agent has signed for %j and names %j",
  (status, principal, initiator) => {
    const encryptionKeys = [new Uint8Array(32).fill(7)];
    const core: SignInContext = {
      app: entraAppInternals(app),
      publicUrl: "https://agent.example.com/sign-in",
      resources: [world.contacts],
      store: memoryStore({ quiet: true }),
      keys: keyring(encryptionKeys),
      agent: "agent",
      now: Date.now,
      random: (size) => new Uint8Array(size),
      onEvent: undefined,
      audit: noAudit,
    };
    const keys = linkKeys({ agentName: "agent", resources: [world.contacts], encryptionKeys });
    const ticket: Ticket = {
      id: "t",
      agent: "agent",
      principal,
      ...(initiator === undefined ? {} : { initiator }),
      resource: world.contacts.url,
      serverLabel: world.contacts.serverLabel,
      scopes: world.contacts.scopes,
      askedAt: Date.now(),
      expiresAt: Date.now() + 60_000,
    };
    expect(openTicket(core, keys, sealTicket(core, keys, ticket)).status).toBe(status);
  },
);
