import { refusedCodes, type Redeemed, type RefusedCode } from "../binding/redeemed.js";

/** {@link Redeemed} as the service writes it. */
export interface WireRedeemed {
  readonly status: Redeemed["status"];
  readonly say?: string;
  readonly tries_left?: number;
  readonly reason?: RefusedCode;
  readonly server_label?: string;
  readonly account?: {
    readonly tid: string;
    readonly oid: string;
    readonly username?: string | undefined;
    readonly name?: string | undefined;
  };
  readonly prompt?: string | undefined;
}

/** The answer of `POST /v1/redeem`, to be written. */
export function wireRedeemed(redeemed: Redeemed): WireRedeemed {
  switch (redeemed.status) {
    case "not_a_code":
      return { status: "not_a_code" };
    case "nearly_a_code":
      return { status: "nearly_a_code", say: redeemed.say };
    case "wrong_code":
      return { status: "wrong_code", say: redeemed.say, tries_left: redeemed.triesLeft };
    case "refused":
      return { status: "refused", say: redeemed.say, reason: redeemed.reason };
    case "confirm":
    case "bound": {
      const { status, say, serverLabel, account } = redeemed;
      const { tid, oid, username, name } = account;
      const prompt = redeemed.status === "bound" ? redeemed.prompt : undefined;
      return { status, say, server_label: serverLabel, account: { tid, oid, username, name }, prompt };
    }
  }
}

/** The answer of `POST /v1/redeem`, read. `undefined` for an answer that no sign-in service gives. */
export function readRedeemed(reply: Readonly<Record<string, unknown>>): Redeemed | undefined {
  const { status, say } = reply;
  if (status === "not_a_code") return { status };
  if (typeof say !== "string") return undefined;
  if (status === "nearly_a_code") return { status, say };
  const { tries_left: triesLeft, reason, server_label: serverLabel, prompt } = reply;
  if (status === "wrong_code")
    return Number.isSafeInteger(triesLeft) ? { status, say, triesLeft: Number(triesLeft) } : undefined;
  if (status === "refused") {
    const known = refusedCodes.find((one) => one === reason);
    return known === undefined ? undefined : { status, say, reason: known };
  }
  const account = accountIn(reply["account"]);
  if (account === undefined || typeof serverLabel !== "string") return undefined;
  if (status === "confirm") return { status, say, serverLabel, account };
  if (status !== "bound") return undefined;
  return { status, say, serverLabel, account, prompt: textOrNone(prompt) };
}

function accountIn(value: unknown): (Redeemed & { status: "bound" })["account"] | undefined {
  const { tid, oid, username, name } = Object(value) as Readonly<Record<string, unknown>>;
  if (typeof tid !== "string" || typeof oid !== "string") return undefined;
  return { tid, oid, username: textOrNone(username), name: textOrNone(name) };
}

function textOrNone(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
