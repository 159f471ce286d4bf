import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** Stands between a client and a server on loopback, and makes the line bad. */
export interface TcpProxy {
  readonly url: string;
  /** From now on answers come so many milliseconds later. */
  delay(ms: number): void;
  /** The connections of now stay open and carry nothing any more; new ones work. */
  hang(): void;
  /** From now on new connections lead to this port; those of now stay where they are. */
  lead(port: number): void;
  close(): Promise<void>;
}

/** Starts one in front of a port. */
export async function startTcpProxy(port: number): Promise<TcpProxy> {
  let delayMs = 0;
  let target = port;
  const lines = new Set<{ readonly sockets: readonly Socket[]; hangs: boolean }>();

  const server = createServer((near) => {
    const far = connect(target, "127.0.0.1");
    const line = { sockets: [near, far], hangs: false };
    lines.add(line);
    // The chain keeps the order, whatever the delays are.
    let last = Promise.resolve();
    near.on("data", (bytes) => line.hangs || far.write(bytes));
    far.on("data", (bytes) => {
      const due = delayMs === 0 ? undefined : new Promise((resolve) => setTimeout(resolve, delayMs));
      last = last.then(() => due).then(() => void (line.hangs || near.destroyed || near.write(bytes)));
    });
    for (const socket of line.sockets) {
      socket.on("error", () => undefined);
      socket.on("close", () => {
        for (const each of line.sockets) each.destroy();
        lines.delete(line);
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));

  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    delay: (ms) => void (delayMs = ms),
    hang() {
      for (const line of lines) line.hangs = true;
    },
    lead: (other) => void (target = other),
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const { sockets } of lines) for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
