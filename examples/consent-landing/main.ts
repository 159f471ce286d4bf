/**
 * Serves the landing page on its own: `PORT=3000 npx tsx examples/consent-landing/main.ts`.
 * The prerequisites are in `landing.ts`.
 */
import { createServer } from "node:http";
import { consentLanding } from "./landing.js";

const port = Number(process.env["PORT"] ?? 3000);
const server = createServer(consentLanding).listen(port, () => {
  console.log(`The landing page is at http://localhost:${port}/`);
});
process.once("SIGTERM", () => server.close());
