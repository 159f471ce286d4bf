/** Draws who says what to whom, in which order, as an SVG that is readable in light and in dark. */

/** A diagram as data: what happens between parties, from top to bottom. */
export interface SequenceDiagram<Party extends string = string> {
  readonly title: string;
  /** All of it in words, for who does not see it. */
  readonly description: string;
  /** What each is called, from left to right. */
  readonly parties: Readonly<Record<Party, string>>;
  readonly steps: readonly SequenceStep<Party>[];
}

/** A message, dashed when it answers another, or steps that happen only in some case. */
export type SequenceStep<Party extends string = string> =
  | { readonly from: Party; readonly to: Party; readonly says: string; readonly isAnswer?: boolean }
  | { readonly when: string; readonly steps: readonly SequenceStep<Party>[] };

const margin = 24;
const headHeight = 34;
const lineHeight = 17;
/** Between two lifelines at least. */
const leastGap = 96;
/** A label is broken into lines when it is longer than this, in pixels. */
const longestLine = 190;

interface Frame {
  readonly when: string;
  readonly top: number;
  readonly depth: number;
  bottom: number;
}

/** The file. The same diagram is always the same text. */
export function drawSequence<Party extends string>(diagram: SequenceDiagram<Party>): string {
  const names = Object.keys(diagram.parties) as Party[];
  const columns = columnsOf(diagram, names);
  const x = (party: Party): number => columns[names.indexOf(party)] ?? 0;
  const width = widthOf(diagram, names, columns);
  const top = 58;
  const drawn: string[] = [];
  const frames: Frame[] = [];
  let y = top + headHeight + 8;

  const draw = (steps: readonly SequenceStep<Party>[], depth: number): void => {
    for (const step of steps) {
      if ("when" in step) {
        const frame: Frame = { when: step.when, top: y + 10, depth, bottom: 0 };
        frames.push(frame);
        y += 34;
        draw(step.steps, depth + 1);
        y += 12;
        frame.bottom = y;
        continue;
      }
      const lines = linesOf(step.says);
      y += 12 + lines.length * lineHeight;
      const [start, end] = [x(step.from), x(step.to)];
      const style = step.isAnswer === true ? "line answer" : "line";
      const said = depth === 0 ? "said" : "said inside";
      if (start === end) {
        drawn.push(...textLines(lines, start + 34, y - 4, said));
        drawn.push(`<path class="${style}" d="M${start} ${y - 14}h26v14h-20"/>`, arrow(start, y, -1));
        continue;
      }
      const direction = Math.sign(end - start);
      drawn.push(...textLines(lines, (start + end) / 2, y - 7, `${said} middle`));
      drawn.push(
        `<path class="${style}" d="M${start} ${y}H${end - direction * 8}"/>`,
        arrow(end, y, direction),
      );
    }
  };
  draw(diagram.steps, 0);
  const bottom = y + 22;

  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${bottom + 20}" width="${width}" height="${bottom + 20}" role="img" aria-labelledby="title desc">`,
    `<title id="title">${escaped(diagram.title)}</title>`,
    `<desc id="desc">${escaped(diagram.description)}</desc>`,
    style,
    `<rect class="paper" x="0.5" y="0.5" width="${width - 1}" height="${bottom + 19}" rx="8"/>`,
    `<text class="head" x="${margin}" y="34">${escaped(diagram.title)}</text>`,
    ...frames.map((frame) => framed(frame, width)),
    ...names.map((name) => `<path class="life" d="M${x(name)} ${top + headHeight}V${bottom}"/>`),
    ...names.flatMap((name) => partyBox(diagram.parties[name], x(name), top)),
    ...frames.map(({ when, top: at, depth }) => {
      const left = 12 + depth * 8;
      return `<text class="when" x="${left + 10}" y="${at + 18}">${escaped(when)}</text>`;
    }),
    ...drawn,
    "</svg>",
    "",
  ].join("\n");
}

/** Where the lifelines are: far enough apart for what is said between them. */
function columnsOf<Party extends string>(
  diagram: SequenceDiagram<Party>,
  names: readonly Party[],
): readonly number[] {
  const boxes = names.map((name) => boxWidth(diagram.parties[name]));
  const gaps = names
    .slice(1)
    .map((_, at) => Math.max(leastGap, ((boxes[at] ?? 0) + (boxes[at + 1] ?? 0)) / 2 + 14));
  const messages = flat(diagram.steps).map(({ from, to, says }) => {
    const ends = [names.indexOf(from), names.indexOf(to)];
    const isOwn = from === to;
    const needed = Math.max(...linesOf(says).map(textWidth)) + (isOwn ? 48 : 28);
    const left = Math.min(...ends);
    return { left, right: isOwn ? left + 1 : Math.max(...ends), needed };
  });
  // What is said between neighbors first: it leaves the least choice.
  for (const { left, right, needed } of messages.sort((a, b) => a.right - a.left - (b.right - b.left))) {
    const span = gaps.slice(left, right).reduce((sum, gap) => sum + gap, 0);
    const more = Math.ceil((needed - span) / (right - left));
    if (more > 0)
      for (let at = left; at < Math.min(right, gaps.length); at += 1) gaps[at] = (gaps[at] ?? 0) + more;
  }
  const columns = [Math.ceil(margin + (boxes[0] ?? 0) / 2)];
  for (const gap of gaps) columns.push(Math.round((columns.at(-1) ?? 0) + gap));
  return columns;
}

function widthOf<Party extends string>(
  diagram: SequenceDiagram<Party>,
  names: readonly Party[],
  columns: readonly number[],
): number {
  const last = names.at(-1);
  const end = columns.at(-1) ?? 0;
  const box = last === undefined ? 0 : boxWidth(diagram.parties[last]) / 2;
  const own = flat(diagram.steps)
    .filter(({ from, to }) => from === last && to === last)
    .map(({ says }) => Math.max(...linesOf(says).map(textWidth)) + 34);
  const head = margin + diagram.title.length * 9;
  return Math.ceil(Math.max(head, end + Math.max(box, ...own)) + margin);
}

function flat<Party extends string>(
  steps: readonly SequenceStep<Party>[],
): Extract<SequenceStep<Party>, { from: Party }>[] {
  return steps.flatMap((step) => ("when" in step ? flat(step.steps) : [step]));
}

function partyBox(name: string, x: number, top: number): string[] {
  const width = boxWidth(name);
  return [
    `<rect class="party" x="${x - width / 2}" y="${top}" width="${width}" height="${headHeight}" rx="6"/>`,
    `<text class="name middle" x="${x}" y="${top + 22}">${escaped(name)}</text>`,
  ];
}

function framed({ top, bottom, depth }: Frame, width: number): string {
  const left = 12 + depth * 8;
  return `<rect class="frame" x="${left}" y="${top}" width="${width - 2 * left}" height="${bottom - top}" rx="6"/>`;
}

function arrow(x: number, y: number, direction: number): string {
  return `<path class="tip" d="M${x - direction} ${y}l${direction * -9} -5v10z"/>`;
}

function textLines(lines: readonly string[], x: number, bottom: number, style: string): string[] {
  return lines.map((line, at) => {
    const y = bottom - (lines.length - 1 - at) * lineHeight;
    return `<text class="${style}" x="${x}" y="${y}">${escaped(line)}</text>`;
  });
}

function boxWidth(name: string): number {
  return 2 * Math.ceil((textWidth(name) + 28) / 2);
}

/** A generous guess: every system has a font of its own. */
function textWidth(text: string): number {
  let width = 0;
  for (const letter of text) {
    if (/[fijlrt.,:;'|/()[\] -]/.test(letter)) width += 5;
    else width += /[A-Zmw_]/.test(letter) ? 10 : 7.8;
  }
  return width;
}

/** A label in as few lines as do, of about the same length. */
function linesOf(text: string): string[] {
  const count = Math.ceil(textWidth(text) / longestLine);
  const each = textWidth(text) / count;
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line !== "" && lines.length < count - 1 && textWidth(longer) > each + textWidth(word) / 2) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return [...lines, line];
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** On paper of its own, because a page may be dark where the system is light. */
const style = `<style>
text { font: 13px system-ui, sans-serif; fill: #4a5560 } .middle { text-anchor: middle }
.paper { fill: #fff; stroke: #d5dbe1 } .head { font-size: 16px; font-weight: 600; fill: #17202a }
.party { fill: #eef3fd; stroke: #2457c5 } .name { font-weight: 600; fill: #17202a }
.life { stroke: #b6c0ca; stroke-dasharray: 3 4 } .frame { fill: #fff7e6; stroke: #d9a441 } .when { font-weight: 600; fill: #7a4d00 }
.line { fill: none; stroke: #2457c5; stroke-width: 1.5 } .answer { stroke-dasharray: 6 4 } .tip { fill: #2457c5 }
.said { fill: #17202a; stroke: #fff; stroke-width: 4px; paint-order: stroke } .inside { stroke: #fff7e6 }
@media (prefers-color-scheme: dark) {
text { fill: #b4bec9 } .paper { fill: #14191f; stroke: #303841 } .head { fill: #f0f3f6 }
.party { fill: #1b2942; stroke: #8ab4ff } .name { fill: #f0f3f6 }
.life { stroke: #4a5663 } .frame { fill: #2a2214; stroke: #a67c2e } .when { fill: #f2c879 }
.line { stroke: #8ab4ff } .tip { fill: #8ab4ff } .said { fill: #e3e8ee; stroke: #14191f } .inside { stroke: #2a2214 }
}
</style>`;
