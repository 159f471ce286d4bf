import { describe, expect, it } from "vitest";
import { jsonRpcError } from "../../src/foundry/json-rpc.js";

const error = { code: -32006, message: "m" };

describe("the error of a JSON-RPC response", () => {
  it("is read with its id", () => {
    expect(jsonRpcError({ jsonrpc: "2.0", id: 3, error })).toEqual({ id: 3, ...error });
    expect(jsonRpcError({ jsonrpc: "2.0", id: null, error: { ...error, data: 1 } })).toEqual({
      id: null,
      ...error,
    });
  });

  it.each([
    ["a result that looks like one", { jsonrpc: "2.0", id: 1, result: {}, error }],
    ["a result that holds one", { jsonrpc: "2.0", id: 1, result: { error } }],
    ["a request", { jsonrpc: "2.0", id: 1, method: "x", error }],
    ["another protocol", { id: 1, error }],
    ["a text", "error"],
    ["a list", [{ jsonrpc: "2.0", id: 1, error }]],
    ["an error that is none", { jsonrpc: "2.0", id: 1, error: "x" }],
    ["nothing", undefined],
  ])("is not seen in %s", (_, message) => {
    expect(jsonRpcError(message)).toBeUndefined();
  });
});
