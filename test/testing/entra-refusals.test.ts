import { AuthError } from "@azure/msal-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { answerTo, expectedShape, fill, shapeOf, type FilledRow } from "../live/fill.js";
import { refusalRows, type RefusalRow } from "../live/refusals.js";
import { emulatedWorld, type EmulatedWorld } from "./emulated-world.js";
import { throughMsal } from "./through-msal.js";

let world: EmulatedWorld;

beforeAll(async () => {
  world = await emulatedWorld();
});
afterAll(() => world.close());

async function filled(row: RefusalRow): Promise<FilledRow> {
  const result = await fill(row, world);
  if ("missing" in result) throw new Error(`The emulated world lacks ${result.missing.join(", ")}.`);
  return result;
}

describe("the emulator refuses, as Entra does", () => {
  test.each(refusalRows)("$name", async (row) => {
    const answer = await answerTo(row, world, await filled(row));

    expect(shapeOf(answer)).toEqual(expectedShape(row));
    const { body, status } = answer;
    const { expected } = row;
    expect(body["error_description"]).toMatch(
      new RegExp(
        `^AADSTS${expected.codes[0]}: .+ Trace ID: [0-9a-f-]{36} Correlation ID: [0-9a-f-]{36} Timestamp: \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\dZ$`,
        "s",
      ),
    );
    expect(body["error_description"]).toContain(`Trace ID: ${body["trace_id"]}`);
    expect(body["error_description"]).toContain(`Correlation ID: ${body["correlation_id"]}`);
    expect(body["error_uri"]).toBe(`${world.origin}/error?code=${expected.codes[0]}`);
    expect(world.entra.requests.at(-1)).toMatchObject({
      status,
      error: expected.error,
      errorCodes: expected.codes,
    });
  });
});

describe("unmodified MSAL meets the same refusal", () => {
  test.each(refusalRows.filter(({ notMsal }) => notMsal === undefined))("$name", async (row) => {
    const request = await filled(row);
    const first = row.twice && (await throughMsal(world, request));
    expect(first).toBeUndefined();
    const error = await throughMsal(world, request);

    if (!(error instanceof AuthError)) throw new Error(`expected an error of MSAL, got ${String(error)}`);
    expect(error.errorCode).toBe(row.expected.error);
    expect(error.errorMessage).toContain(`AADSTS${row.expected.codes[0]}: `);
    expect(error.subError).toBe(row.expected.suberror ?? "");
  });
});

test("no request leaves a token, code or secret in the log", () => {
  const log = JSON.stringify(world.entra.requests);
  expect(log.match(/.{80}(eyJ|agent-secret|other-secret).{20}/g) ?? []).toEqual([]);
  expect(log.includes('"assertion":"[redacted]"')).toBe(true);
});
