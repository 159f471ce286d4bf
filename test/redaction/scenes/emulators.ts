import type { EntraEmulator, FoundryEmulator } from "hosted-agent-identity/testing";
import { secret, shown } from "../recorder.js";

/** At the end of a scene: what Entra gave out in it, and what the emulators have noted. */
export function noteEntra(entra: EntraEmulator, where: string): void {
  for (const { kind, value } of entra.issued) secret({ kind: kind.replaceAll("_", " "), value });
  shown("emulator log", JSON.stringify(entra.requests), `${where}: Entra`);
  // Whoever prints the emulator must not print what it gave out.
  shown("emulator log", JSON.stringify([entra.issued, { ...entra.issued[0] }]), `${where}: issued`);
}

export function noteFoundry(foundry: FoundryEmulator, where: string): void {
  shown("emulator log", JSON.stringify(foundry.log), `${where}: Foundry`);
}
