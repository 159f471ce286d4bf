export { userContext } from "./hono/user-context.js";
