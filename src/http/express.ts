export { responses } from "./express/responses.js";
export { userContext } from "./express/user-context.js";
