/**
 * What the runner shows while the cluster runs. On a terminal one screen, drawn over and over, that fits into 80 columns:
 *
 *     leader n2, term 4
 *
 *     name  client           role       term  commit  applied  watchers  slow  pending
 *     ----  ---------------  ---------  ----  ------  -------  --------  ----  -------
 *     n1    127.0.0.1:2379   follower      4     118      118         3     0        0
 *
 * Elsewhere (a file, a CI log) a line for each thing that changes.
 */

import { table } from '../report/index.ts';
import type { ClusterView } from './monitor.ts';

export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  /** Of a terminal. */
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
}

/** The latest notes stay on the screen, as far as there is room. */
const NOTES_MAX = 8;

/** Of a terminal that does not say. */
const COLUMNS_DEFAULT = 80;
const ROWS_DEFAULT = 24;

const HEAD = ['name', 'client', 'role', 'term', 'commit', 'applied', 'watchers', 'slow', 'pending'];

export function viewTable(view: ClusterView, faults: readonly string[]): string {
  const rows = view.members.map(({ name, endpoint, role, status, gauges }) => [
    name,
    endpoint,
    role,
    cell(status?.term),
    cell(status?.committedIndex),
    cell(status?.appliedIndex),
    cell(gauges?.watchers),
    cell(gauges?.slowWatchers),
    cell(gauges?.pendingEvents),
  ]);
  const leader = view.leader === undefined ? 'no leader' : `leader ${view.leader}`;
  const links = faults.length === 0 ? '' : `\n\n${faults.join('\n')}`;
  return `${leader}, term ${view.term}\n\n${table(HEAD, rows)}${links}`;
}

export class Screen {
  readonly #output: Output;
  readonly #hint: string;
  readonly #notes: string[] = [];
  #table: string | undefined;
  #told = new Map<string, string>();

  constructor(output: Output, hint: string) {
    this.#output = output;
    this.#hint = hint;
  }

  /** Something happened. */
  note(text: string, at: Date = new Date()): void {
    this.#keep(text, at);
    this.#draw();
  }

  show(view: ClusterView, faults: readonly string[]): void {
    this.#noteChanges(view, faults);
    this.#table = viewTable(view, faults);
    this.#draw();
  }

  /** An empty screen to draw on. */
  begin(): void {
    if (this.#output.isTTY === true) this.#output.write('\x1b[2J\x1b[H');
  }

  end(): void {
    if (this.#output.isTTY === true) this.#output.write('\n');
  }

  #keep(text: string, at: Date): void {
    const line = `${at.toTimeString().slice(0, 8)} ${text}`;
    if (this.#output.isTTY !== true) this.#output.write(`${line}\n`);
    this.#notes.push(line);
    if (this.#notes.length > NOTES_MAX) this.#notes.shift();
  }

  #draw(): void {
    if (this.#output.isTTY !== true || this.#table === undefined) return;
    // Home, each line to its end, and nothing below: the screen does not flicker as it would if it were cleared first.
    this.#output.write(`\x1b[H${this.#lines(this.#table).join('\x1b[K\n')}\x1b[K\x1b[J`);
  }

  /** What fits: a line that is too long, or one too many, would push the top of the screen out of sight. */
  #lines(shown: string): readonly string[] {
    const { columns = COLUMNS_DEFAULT, rows = ROWS_DEFAULT } = this.#output;
    const above = [...shown.split('\n'), ''];
    const below = ['', ...this.#hint.split('\n')];
    const room = Math.max(0, rows - above.length - below.length);
    const notes = this.#notes.slice(Math.max(0, this.#notes.length - room));
    return [...above, ...notes, ...below].slice(0, rows).map((line) => line.slice(0, columns));
  }

  #noteChanges(view: ClusterView, faults: readonly string[]): void {
    const now = new Map(view.members.map(({ name, role, status }) => [name, describe(role, status?.term)]));
    now.set('links', faults.length === 0 ? 'whole' : faults.join(', '));
    now.set('cluster', view.leader === undefined ? 'no leader' : `leader ${view.leader}, term ${view.term}`);
    for (const [name, text] of now) {
      const isFirst = !this.#told.has(name);
      if (this.#told.get(name) === text || (isFirst && text === 'whole')) continue;
      this.#keep(`${name}: ${text}`, new Date());
    }
    this.#told = now;
  }
}

const cell = (number: number | undefined): string => number?.toString() ?? '-';

function describe(role: string, term: number | undefined): string {
  return term === undefined ? role : `${role}, term ${term}`;
}
