// MSAL is one file for require(), and 117 for import(). Bundlers follow this as they follow an import.
exports.load = () => require("@azure/msal-node");
