/**
 * The table: medians of the rounds with least and most, side by side, and how many times better this node is, by the ratio of the
 * medians (above 1 is better, whichever way the measure goes).
 */

import { present } from '../../src/base/index.ts';
import type { Sample } from './sample.ts';
import type { Side } from './server-process.ts';

export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

export interface Row {
  readonly measure: string;
  readonly unit: string;
  readonly ours: Spread | undefined;
  readonly etcd: Spread | undefined;
  /** How many times better ours is; undefined without both sides. */
  readonly timesBetter: number | undefined;
  /** The least that this is meant to be; undefined where nothing was asked for. */
  readonly goal: number | undefined;
}

/** A row for each measure, in the order of their first samples. */
export function rowsOf(samples: readonly Sample[]): Row[] {
  const byMeasure = new Map<string, Sample[]>();
  for (const sample of samples) {
    byMeasure.set(sample.measure, [...(byMeasure.get(sample.measure) ?? []), sample]);
  }
  return [...byMeasure.values()].map((all) => {
    const { measure, unit, better, goal } = present(all[0], 'a sample of the measure');
    const ours = spreadOf(all, 'ours');
    const etcd = spreadOf(all, 'etcd');
    return { measure, unit, ours, etcd, timesBetter: ratioOf(ours, etcd, better), goal };
  });
}

function spreadOf(samples: readonly Sample[], side: Side): Spread | undefined {
  const values = samples
    .filter((sample) => sample.side === side)
    .map(({ value }) => value)
    .sort((a, b) => a - b);
  if (values.length === 0) return undefined;
  const middle = Math.floor(values.length / 2);
  const upper = present(values[middle], 'the middle');
  const lower = values.length % 2 === 1 ? upper : present(values[middle - 1], 'below the middle');
  return { median: (lower + upper) / 2, least: present(values[0], 'least'), most: present(values.at(-1), 'most') };
}

function ratioOf(ours: Spread | undefined, etcd: Spread | undefined, better: Sample['better']): number | undefined {
  if (ours === undefined || etcd === undefined || better === 'neither') return undefined;
  const ratio = better === 'more' ? ours.median / etcd.median : etcd.median / ours.median;
  return Number.isFinite(ratio) && ratio > 0 ? ratio : undefined;
}

const HEAD = ['work', 'unit', 'watchraft', 'etcd', 'times better', 'goal'] as const;

/** The table in Markdown. */
export function tableOf(rows: readonly Row[]): string {
  const lines = [HEAD, HEAD.map((_, i) => (i < 2 ? '---' : '---:')), ...rows.map(cellsOf)];
  return `${lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n`;
}

function cellsOf({ measure, unit, ours, etcd, timesBetter, goal }: Row): string[] {
  const ratios = [timesBetter, goal].map((ratio) => (ratio === undefined ? '' : number(ratio)));
  return [measure, unit, textOf(ours), textOf(etcd), ...ratios];
}

function textOf(spread: Spread | undefined): string {
  if (spread === undefined) return '';
  const { median, least, most } = spread;
  return least === most ? number(median) : `${number(median)} (${number(least)} – ${number(most)})`;
}

/** Three digits that count, and thousands apart. */
function number(value: number): string {
  return value.toLocaleString('en', { maximumSignificantDigits: 3 });
}

/** How long it took, in a line. */
export function timesOf(seconds: ReadonlyMap<string, number>): string {
  const all = [...seconds.values()].reduce((sum, one) => sum + one, 0);
  const works = [...seconds].map(([name, one]) => `${name} ${Math.round(one)}`).join(', ');
  return `Seconds, all rounds together: ${works}; in all ${(all / 60).toFixed(1)} minutes.`;
}

const END = '<!-- end of the table -->';

/**
 * The document with one table replaced, all else as it was: the one between the mark that names how it is made, by all works or by those
 * that `--only` asked for, and the next end. Throws if the document has no such marks.
 */
export function withTable(document: string, table: string, only?: string): string {
  const mark = `<!-- table: npm run bench -- ${only === undefined ? '' : `--only ${only} `}--write -->`;
  const begin = document.indexOf(mark);
  const end = document.indexOf(END, begin);
  if (begin < 0 || end < 0) throw new Error(`the document has no marks for the table: ${mark} … ${END}`);
  return `${document.slice(0, begin + mark.length)}\n\n${table}\n${document.slice(end)}`;
}
