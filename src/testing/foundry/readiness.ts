import { setTimeout as sleep } from "node:timers/promises";
import type { Container } from "./container.js";

/** Asks a container whether it may be given traffic. */
export interface Readiness {
  /** Whether it got ready in time. Asked once, until it is forgotten. */
  ready(container: Container): Promise<boolean>;
  forget(): void;
}

/** `GET /readiness` without identity headers, until it is answered 200. Source: hosted-agent contract, "Health probe". */
export function createReadiness(timeoutMs: number, onProbe: (status: number) => void): Readiness {
  let probing: Promise<boolean> | undefined;
  const probe = async (container: Container): Promise<boolean> => {
    const deadline = Date.now() + timeoutMs;
    do {
      const status = await statusOf(container, Math.max(deadline - Date.now(), 1));
      onProbe(status);
      if (status === 200) return true;
      await sleep(Math.min(50, Math.max(deadline - Date.now(), 0)));
    } while (Date.now() < deadline);
    return false;
  };
  return {
    async ready(container) {
      const asked = (probing ??= probe(container));
      const ready = await asked;
      if (!ready && probing === asked) probing = undefined;
      return ready;
    },
    forget() {
      probing = undefined;
    },
  };
}

/** 0 when nobody answers. */
async function statusOf(container: Container, timeoutMs: number): Promise<number> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), timeoutMs);
  try {
    const answer = await container({ method: "GET", path: "/readiness", headers: [], signal: stop.signal });
    for await (const _ of answer.body);
    return answer.status;
  } catch {
    return 0;
  } finally {
    clearTimeout(timer);
  }
}
