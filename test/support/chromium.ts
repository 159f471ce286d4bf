import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { chromium, type Browser } from "playwright-core";

const places = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Starts the system's Chromium, and installs Debian's when there is none and we may. */
export async function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: chromiumPath(),
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--no-first-run",
    ],
  });
}

function chromiumPath(): string {
  const found = findChromium() ?? installChromium();
  if (found !== undefined) return found;
  throw new Error(
    "The browser tests need Chromium: run `sudo apt-get install chromium`, or set CHROMIUM_PATH to one.",
  );
}

function findChromium(): string | undefined {
  return [process.env["CHROMIUM_PATH"] ?? "", ...places].find((path) => path !== "" && existsSync(path));
}

function installChromium(): string | undefined {
  if (process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")) return undefined;
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  execFileSync("apt-get", ["-q", "update"], { env, stdio: "ignore" });
  execFileSync("apt-get", ["-q", "-y", "install", "chromium"], { env, stdio: "ignore" });
  return findChromium();
}
