/** Notes what has to be so, and whether it is. */
export type Check = (good: boolean, what: string) => void;

/** Plays a story, prints what was checked in it, and returns whether all of it was so. */
export async function judged(play: (check: Check) => Promise<void>): Promise<boolean> {
  const checks: { readonly good: boolean; readonly what: string }[] = [];
  const check: Check = (good, what) => void checks.push({ good, what });
  await play(check).catch((error: unknown) => check(false, `to the end: ${String(error)}`));
  console.log("");
  for (const { good, what } of checks) console.log(`${good ? "ok    " : "FAILED"} ${what}`);
  return checks.every(({ good }) => good);
}
