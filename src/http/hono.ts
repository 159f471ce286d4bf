export { responses } from "./hono/responses.js";
export { userContext } from "./hono/user-context.js";
