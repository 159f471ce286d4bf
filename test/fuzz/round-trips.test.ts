import fc from "fast-check";
import { expect, it } from "vitest";
import { clientSecret, entraApp, protectedResource } from "hosted-agent-identity";
import { toSse } from "hosted-agent-identity/turn";
import { memoryStore } from "hosted-agent-identity/sign-in";
import { parseChallenges } from "../../src/access/challenges.js";
import { urlMatch } from "../../src/access/url-match.js";
import { entraAppInternals } from "../../src/exchange/entra-app.js";
import { eventScanner, scanned as scannedEvents } from "../../src/access/event-scanner.js";
import { noAudit } from "../../src/sign-in/audit/auditor.js";
import type { SignInContext } from "../../src/sign-in/sign-in-context.js";
import { looksOurs, newCode, typedCodes } from "../../src/sign-in/binding/code.js";
import { linkKeys } from "../../src/sign-in/link/agents.js";
import { openTicket, sealTicket, type Ticket } from "../../src/sign-in/link/ticket.js";
import { entraIssuer } from "../../src/sign-in/grants/issuer.js";
import { recordSeal, type GrantRecord } from "../../src/sign-in/grants/record.js";
import { eventCutter, sseEvent } from "../../src/testing/foundry/sse.js";
import { keyring } from "../../src/sealing/keyring.js";
import { readSharedRecord } from "../../src/tokens/shared-cache.js";

const tenantId = "11111111-1111-4111-8111-111111111111";
const now = 1_790_000_000_000;
const encryptionKeys = [new Uint8Array(32).fill(7), new Uint8Array(32).fill(8)];
const contacts = protectedResource({
  url: "https://mcp.example.com/mcp",
  serverLabel: "contacts",
  scopes: ["api://contacts/read"],
  audiences: ["api://contacts"],
});
const core: SignInContext = {
  app: entraAppInternals(entraApp({ tenantId, clientId: tenantId, credential: clientSecret("s") })),
  publicUrl: "https://agent.example.com",
  resources: [contacts],
  store: memoryStore({ quiet: true }),
  keys: keyring(encryptionKeys),
  agent: "agent",
  now: () => now,
  random: (bytes) => new Uint8Array(bytes),
  onEvent: undefined,
  audit: noAudit,
};
const text = fc.string({ unit: "binary", maxLength: 60 });
const someText = fc.string({ unit: "binary", minLength: 1, maxLength: 60 });

it("what is sealed opens as it was, for exactly its purpose and binding, with a new key in front too", () => {
  const rotated = keyring([new Uint8Array(32).fill(9), ...encryptionKeys]);
  fc.assert(
    fc.property(
      fc.array(text, { maxLength: 4 }),
      fc.array(text, { maxLength: 4 }),
      fc.jsonValue(),
      (mine, other, value) => {
        const sealed = core.keys.seal("grant", mine, value);
        const expected: unknown = JSON.parse(JSON.stringify(value));
        expect(core.keys.open("grant", mine, sealed)).toEqual(expected);
        expect(rotated.open("grant", mine, sealed)).toEqual(expected);
        expect(core.keys.open("pin", mine, sealed)).toBeUndefined();
        if (JSON.stringify(mine) !== JSON.stringify(other))
          expect(core.keys.open("grant", other, sealed)).toBeUndefined();
      },
    ),
  );
});

it("a ticket opens as it was sealed, and no longer once one of its characters is another", () => {
  const keys = linkKeys({ agentName: "agent", resources: [contacts], encryptionKeys });
  fc.assert(
    fc.property(
      someText,
      someText,
      someText,
      fc.integer({ min: 1, max: 900_000 }),
      fc.nat(),
      (id, user, claims, ms, at) => {
        const ticket: Ticket = {
          id,
          agent: "agent",
          principal: { kind: "platform", project: "p", agent: "agent", id: user },
          resource: contacts.url,
          serverLabel: "contacts",
          scopes: contacts.scopes,
          claims,
          askedAt: now,
          expiresAt: now + ms,
        };
        const sealed = sealTicket(core, keys, ticket);
        expect(openTicket(core, keys, sealed)).toEqual({ status: "good", ticket });
        // The last character of base64 may hold bits that nobody reads.
        const place = at % (sealed.length - 1);
        const changed =
          sealed.slice(0, place) + (sealed[place] === "A" ? "B" : "A") + sealed.slice(place + 1);
        expect(openTicket(core, keys, changed)).toEqual({ status: "bad" });
      },
    ),
  );
});

it("a record opens as it was sealed, and for nobody else", () => {
  const seal = recordSeal(core, entraIssuer(core.app));
  const token = fc.record({
    url: fc.webUrl(),
    scopes: fc.array(text),
    token: text,
    obtainedAt: fc.nat(),
    refreshAt: fc.nat(),
    expiresAt: fc.nat(),
  });
  const grant = fc.record({
    account: fc.record({ tid: text, oid: text }),
    refreshToken: text,
    resources: fc.array(text),
    scopes: fc.array(text),
    signedInAt: fc.nat(),
    updatedAt: fc.nat(),
    sequence: fc.nat(),
    signIns: fc.nat(),
    indexedAt: fc.nat(),
  });
  const record = fc.record({
    generation: fc.nat(),
    grant: fc.option(grant, { nil: undefined }),
    tokens: fc.array(token, { maxLength: 3 }),
  });
  fc.assert(
    fc.property(someText, someText, record, (owner, other, kept: GrantRecord) => {
      const sealed = seal.seal(owner, kept);
      expect(seal.open(owner, sealed)).toEqual(kept);
      expect(seal.tokensOpener(owner)(sealed)).toEqual(kept.tokens);
      expect(seal.address(sealed)).toMatchObject({ agent: core.agent, principalKey: owner });
      if (owner !== other) expect(seal.open(other, sealed)).toBeUndefined();
      if (owner !== other) expect(seal.tokensOpener(other)(sealed)).toEqual([]);
    }),
  );
});

it("a shared record is read as it was written, and one with a field of another type is none", () => {
  const optional = fc.option(fc.nat(), { nil: undefined });
  const record = fc.record({
    token: text,
    expiresAt: fc.nat(),
    refreshAt: optional,
    useUntil: optional,
    until: fc.nat(),
    generation: fc.nat(),
  });
  fc.assert(
    fc.property(
      record,
      fc.constantFrom("token", "expiresAt", "until", "generation", "refreshAt", "useUntil"),
      (kept, name) => {
        expect(readSharedRecord(kept)).toEqual(kept);
        expect(readSharedRecord({ ...kept, [name]: {} })).toBeUndefined();
      },
    ),
  );
});

it("a challenge is read as it was written, whatever its values hold", () => {
  const name = fc.stringMatching(/^[a-z][a-z0-9_-]{0,12}$/);
  const value = fc.string({ unit: "grapheme-ascii", maxLength: 40 });
  const challenge = fc.record({
    scheme: fc.constantFrom("bearer", "dpop", "basic"),
    parameters: fc.uniqueArray(fc.tuple(name, value), {
      minLength: 1,
      maxLength: 5,
      selector: ([one]) => one,
    }),
  });
  const written = (parameters: readonly (readonly [string, string])[]): string =>
    parameters.map(([one, held]) => `${one}="${held.replace(/["\\]/g, "\\$&")}"`).join(", ");
  fc.assert(
    fc.property(fc.array(challenge, { minLength: 1, maxLength: 4 }), (challenges) => {
      const header = challenges
        .map(({ scheme, parameters }) => `${scheme} ${written(parameters)}`)
        .join(", ");
      const read = parseChallenges(header).map(({ scheme, parameters }) => ({
        scheme,
        parameters: { ...parameters },
      }));
      expect(read).toEqual(
        challenges.map(({ scheme, parameters }) => ({ scheme, parameters: Object.fromEntries(parameters) })),
      );
    }),
  );
});

it("events are read as they were written, wherever the network cuts them", async () => {
  const event = fc.record({
    type: fc.stringMatching(/^response\.[a-z]{1,12}$/),
    sequence_number: fc.nat(),
    delta: text,
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(event, { maxLength: 5 }),
      fc.integer({ min: 1, max: 40 }),
      async (events, size) => {
        const bytes = Buffer.from(
          await textOf(
            toSse(
              (async function* () {
                yield* events as never[];
              })(),
            ),
          ),
        );
        const cutter = eventCutter();
        const scanned: unknown[] = [];
        const scanner = eventScanner();
        const passed: Uint8Array[] = [];
        const blocks: string[] = [];
        for (let at = 0; at < bytes.length; at += size) {
          blocks.push(...cutter.push(bytes.subarray(at, at + size)));
          for (const { text, data } of scannedEvents(scanner, bytes.subarray(at, at + size))) {
            passed.push(Buffer.from(text, "latin1"));
            if (data !== "") scanned.push(JSON.parse(data));
          }
        }
        expect(blocks.map((block) => JSON.parse(sseEvent(block)?.data ?? "null"))).toEqual(events);
        expect(scanned).toEqual(events);
        expect(Buffer.concat([...passed, scanner.rest()]).equals(bytes)).toBe(true);
      },
    ),
  );
});

it("a code is found as it was shown, in whatever a person types around it", () => {
  const around = fc.string({ unit: fc.constantFrom(..." .,!?:;()äöü\n"), maxLength: 30 });
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 8, maxLength: 8 }), around, around, (bytes, before, after) => {
      let round = 0;
      const code = newCode(() => bytes.map((byte) => byte + 7 * round++));
      expect(typedCodes(`${before} ${code} ${after}`).codes).toEqual([code.replaceAll("-", "")]);
      expect(looksOurs(code.replaceAll("-", ""))).toBe(true);
    }),
  );
});

it("a URL below a resource matches, and one of another origin does not, whatever its path", () => {
  const matches = urlMatch(contacts.url);
  const segment = fc.stringMatching(/^[A-Za-z0-9_~-]{1,12}$/);
  fc.assert(
    fc.property(
      fc.array(segment, { maxLength: 4 }),
      fc.webUrl({ withQueryParameters: true }),
      (segments, other) => {
        const below = [contacts.url, ...segments].join("/");
        expect(matches(below)).toBe(new URL(below).href);
        const { origin, pathname, href } = new URL(other);
        const isOurs = origin === "https://mcp.example.com" && /^\/mcp(?:\/|$)/.test(pathname);
        expect(matches(other)).toBe(isOurs ? href : undefined);
      },
    ),
  );
});

async function textOf(stream: AsyncIterable<Uint8Array | string>): Promise<string> {
  const decoder = new TextDecoder();
  let whole = "";
  for await (const piece of stream)
    whole += typeof piece === "string" ? piece : decoder.decode(piece, { stream: true });
  return whole + decoder.decode();
}
