/** Writes docs/errors.md from the tables that the code uses: `npm run docs:errors`. A test compares them. */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { aadstsFacts, knownAadstsCodes } from "../src/entra/aadsts.js";
import { agentAadstsFacts, knownAgentAadstsCodes, type AgentStep } from "../src/entra/agent-aadsts.js";
import { errorCodes } from "../src/errors.js";

/** The catalogue page. */
export function errorCatalogue(): string {
  const own = Object.entries(errorCodes).map(
    ([code, { category, title, help }]) => `### ${code}\n\n*${category}*. ${title}\n\n**Next:** ${help}\n`,
  );
  const entra = knownAadstsCodes().map((code) => {
    const facts = aadstsFacts(code);
    return `| AADSTS${code} | ${facts?.category} | ${facts?.meaning} | ${facts?.fix} |`;
  });
  const agent = (["exchange_token", "on_behalf_of"] as const).flatMap(agentRows);
  return `# Errors

Every error of this package has a \`code\` to switch on, a \`category\` that says who can end the trouble, and \`help\` with the next step. None holds a token, a secret or a link in its message, its JSON or what \`util.inspect\` prints.

| category | who can end it |
|---|---|
| consent | the user or an administrator, by opening a link |
| signin | the user, by signing in again |
| stepup | the user, by proving more (a claims challenge) |
| blocked | an administrator: a policy says no |
| admin | an administrator: assignment, tenant, account |
| config | the developer |
| cred | the developer: the app's own credential |
| retry | time: a passing problem |
| throttle | time: as long as Retry-After says |
| loop | the developer: the same request over and over |
| input | the caller: the request was not acceptable |

## Codes

${own.join("\n")}
## What Entra's codes mean

Numbers refine what \`error\`, \`suberror\` and \`claims\` say; Microsoft calls them subject to change.

| code | category | meaning | next |
|---|---|---|---|
${entra.join("\n")}

## The same codes for agent identities

\`agentOnBehalfOf()\` asks twice: the blueprint for an exchange token, then the agent identity on behalf of the user. Some codes mean something else there.

| request | code | category | meaning | next |
|---|---|---|---|---|
${agent.join("\n")}
`;
}

function agentRows(step: AgentStep): string[] {
  const request = { exchange_token: "the blueprint's", on_behalf_of: "the agent identity's" }[step];
  return knownAgentAadstsCodes(step).map((code) => {
    const facts = agentAadstsFacts(step, code);
    return `| ${request} | AADSTS${code} | ${facts?.category} | ${facts?.meaning} | ${facts?.fix} |`;
  });
}

const page = fileURLToPath(new URL("errors.md", import.meta.url));
if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(page, errorCatalogue());
