/** Never answers to what it does not like. */
export function silent(text: string): Promise<string> {
  return text.includes("?") ? new Promise(() => {}) : Promise.resolve(text);
}
