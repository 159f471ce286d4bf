/**
 * Adapters for Express 4.17 and newer, and 5.
 * @module express
 */
export { invocations } from "./express/invocations.js";
export { responses } from "./express/responses.js";
export { userContext } from "./express/user-context.js";
export { webHandler, type WebHandler } from "./web-handler.js";
