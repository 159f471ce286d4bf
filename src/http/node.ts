/**
 * Adapters for `node:http`.
 * @module node
 */
export { invocations } from "./node/invocations.js";
export { responses } from "./node/responses.js";
export { userContext, type NodeUserContext } from "./node/user-context.js";
export { webHandler, type WebHandler } from "./web-handler.js";
