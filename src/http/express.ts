export { userContext } from "./express/user-context.js";
