/** Ways to break the story of a server that asks for a page. Each has to be noticed. */
export const elicitationBreaks = {
  "link-on-the-card": "the card holds the server's own link, and nobody asks who follows it",
} as const;

export type ElicitationBreak = keyof typeof elicitationBreaks;
