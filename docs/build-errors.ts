/**
 * Writes docs/errors.md and docs/entra-codes.md from the tables that the code uses: `npm run docs:errors`. A test
 * compares them. Only the first is in the package: the command `explain` prints what the other one says.
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { whoseMove } from "../src/cli/explain/explain.js";
import { aadstsFacts, knownAadstsCodes, unknownAadstsRanges } from "../src/entra/aadsts.js";
import { agentAadstsFacts, knownAgentAadstsCodes, type AgentStep } from "../src/entra/agent-aadsts.js";
import { errorCodes, type ErrorCode } from "../src/errors.js";
import { errorCauses } from "../src/errors/causes.js";
import { envelopeCodes } from "../src/errors/envelope-codes.js";

/** The catalog page. */
export function errorCatalog(): string {
  const own = Object.entries(errorCodes).map(
    ([code, { category, title, help }]) =>
      `### ${code}\n\n*${category}*. ${title}\n\n**Next:** ${help}\n${causesOf(code as ErrorCode)}`,
  );
  const envelope = Object.entries(envelopeCodes).map(
    ([code, { status, title, help }]) => `| \`${code}\` | ${status} | ${title} | ${help} |`,
  );
  const categories = Object.entries(whoseMove).map(([category, who]) => `| ${category} | ${who} |`);
  return `# Errors

Every error of this package has a \`code\` to switch on, a \`category\` that says who can fix it, and \`help\` with the next step. None contains a token, a secret or a link in its message, its JSON or what \`util.inspect\` prints. The guide [Errors](guides/errors.md) shows how to catch them; \`npx hosted-agent-identity explain <code>\` prints an entry of this page.

| category | who can fix it |
|---|---|
${categories.join("\n")}

## Codes

${own.join("\n")}
## Other codes in answers

In an error envelope or in \`response.failed\`, a client of the agent finds one of the codes above or one of these. Nothing throws these.

| code | status | meaning | next |
|---|---|---|---|
${envelope.join("\n")}

## What Entra's codes mean

\`npx hosted-agent-identity explain AADSTS65001\` prints what a code means, who can fix it, and what to do next.
`;
}

/** The page of Entra's codes. */
export function entraCodes(): string {
  const entra = knownAadstsCodes().map((code) => {
    const facts = aadstsFacts(code);
    return `| AADSTS${code} | ${facts?.category} | ${facts?.meaning} | ${facts?.fix} |`;
  });
  const ranges = unknownAadstsRanges().map(
    ({ shown, category, meaning, fix }) => `| ${shown} | ${category} | ${meaning} | ${fix} |`,
  );
  const agent = (["exchange_token", "on_behalf_of"] as const).flatMap(agentRows);
  return `# Entra's codes

The numbers refine \`error\`, \`suberror\` and \`claims\`; Microsoft calls them subject to change. A response with a claims challenge is a \`stepup\`, even with a code that is *blocked* below, unless its suberror is \`message_only\`: the user can satisfy the claims.

| code | category | meaning | next |
|---|---|---|---|
${entra.join("\n")}

## Codes that are not in the table

A code that is not above is judged by \`error\` and \`suberror\`, or else by its first digits. It is never a consent or a sign-in: a user who is asked for something that does not help is asked for it again.

| begins with | category | meaning | next |
|---|---|---|---|
${ranges.join("\n")}

## For agent identities

\`agentOnBehalfOf()\` makes two requests: the blueprint's for an exchange token, then the agent identity's on behalf of the user. Some codes mean something else there.

| request | code | category | meaning | next |
|---|---|---|---|---|
${agent.join("\n")}
`;
}

/** The next step for each cause of a code that has several. */
function causesOf(code: ErrorCode): string {
  const causes = Object.values(errorCauses[code] ?? {}).map(({ when, help, category }) => {
    const ended = category === undefined ? "" : ` (${category})`;
    return `- *If ${when}${ended}*: ${help}`;
  });
  return causes.length === 0 ? "" : `\n${causes.join("\n")}\n`;
}

function agentRows(step: AgentStep): string[] {
  const request = { exchange_token: "the blueprint's", on_behalf_of: "the agent identity's" }[step];
  return knownAgentAadstsCodes(step).map((code) => {
    const facts = agentAadstsFacts(step, code);
    return `| ${request} | AADSTS${code} | ${facts?.category} | ${facts?.meaning} | ${facts?.fix} |`;
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(new URL("errors.md", import.meta.url), errorCatalog());
  writeFileSync(new URL("entra-codes.md", import.meta.url), entraCodes());
}
