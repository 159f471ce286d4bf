/** A JSON-RPC request or notification, as far as it is looked at. */
export interface RpcMessage {
  readonly id?: string | number | undefined;
  readonly method: string;
  readonly params?: Readonly<Record<string, unknown>> | undefined;
}

/** Thrown inside the emulator; becomes the error of a JSON-RPC response. */
export class RpcFailure extends Error {
  override readonly name = "RpcFailure";
  readonly code: number;
  readonly data: unknown;

  constructor(code: number, message: string, data?: unknown) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

/** JSON-RPC 2.0, section 5.1, and Foundry's own two. */
export const rpcCodes = {
  parse: -32700,
  invalidRequest: -32600,
  methodUnknown: -32601,
  paramsInvalid: -32602,
  internal: -32603,
  /** Source: agent-framework, ToolboxConsentParser.cs. */
  consentRequired: -32006,
  sourceFailed: -32007,
} as const;

/** A message, or the failure that it is none. Batches are no longer part of MCP. */
export function rpcMessage(bytes: Uint8Array): RpcMessage {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    throw new RpcFailure(rpcCodes.parse, "Parse error: Invalid JSON");
  }
  const { jsonrpc, method, id, params } = Object(value) as Record<string, unknown>;
  const isId = id === undefined || typeof id === "string" || typeof id === "number";
  if (jsonrpc !== "2.0" || typeof method !== "string" || !isId || Array.isArray(value)) {
    throw new RpcFailure(rpcCodes.invalidRequest, "Invalid Request");
  }
  return {
    method,
    id,
    params: typeof params === "object" && params !== null ? (params as Record<string, unknown>) : undefined,
  };
}
