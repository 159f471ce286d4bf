/**
 * The demo's calling application: `examples/backend` as it is, with the two test accounts and the stream of
 * hops beside it.
 */
import { fileURLToPath } from "node:url";
import express, { type Express } from "express";
import { createBackEnd, type BackEndOptions } from "../backend/app.js";
import { pageApp } from "../backend/page.js";
import type { Hop, HopLog } from "./hops.js";
import { isVisitor, newVisitor } from "./portal.js";

export interface DemoBackEndOptions extends BackEndOptions {
  readonly hops: HopLog;
  /** Turns a client id or app-ID URI into the app's name. */
  readonly label: (audience: string) => string;
}

const folder = fileURLToPath(new URL("page/", import.meta.url));

export function demoBackEnd(options: DemoBackEndOptions): Express {
  const { origin, hops, label } = options;
  const backEnd = createBackEnd({ ...options, showsHops: true });
  const extra = express.Router();

  extra.post("/portal/enter", (req, res) => {
    if (req.headers.origin !== origin) return void res.sendStatus(403);
    backEnd.enter(req, res, newVisitor());
    res.sendStatus(204);
  });

  extra.get("/api/portal", (req, res) => {
    const user = backEnd.user(req);
    res.json({ visitor: user !== undefined && isVisitor(user) });
  });

  extra.get("/api/hops", (req, res) => {
    const user = backEnd.user(req);
    // 204 tells an EventSource to stop asking.
    if (user === undefined) return void res.sendStatus(204);
    res.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store" });
    const send = (hop: Hop): void => {
      const audience = hop.audience === undefined ? {} : { audience: label(hop.audience) };
      res.write(`data: ${JSON.stringify({ ...hop, ...audience })}\n\n`);
    };
    for (const hop of hops.of(user.oid)) send(hop);
    res.on("close", hops.watch(user.oid, send));
  });

  return pageApp({ origin, folder, routers: [backEnd.router, extra] });
}
