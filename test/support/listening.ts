import type { Server } from "node:http";
import type { AddressInfo } from "node:net";

export interface RunningHost {
  readonly url: string;
  close(): Promise<void>;
}

/** Starts to listen where it does not yet, on any port. */
export async function listening(server: Server): Promise<RunningHost> {
  if (!server.listening) await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}
