/**
 * What the runner shows while the cluster runs. On a terminal one screen, drawn over and over:
 *
 *     leader n2, term 4
 *
 *     member  client           role      term  committed  applied  watchers  slow  pending
 *     ------  ---------------  --------  ----  ---------  -------  --------  ----  -------
 *     n1      127.0.0.1:2379   follower     4        118      118         3     0        0
 *
 * Elsewhere (a file, a CI log) a line for each thing that changes.
 */

import { table } from '../report/index.ts';
import type { ClusterView } from './monitor.ts';

export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
}

/** The latest notes stay on the screen. */
const NOTES_MAX = 8;

const HEAD = ['member', 'client', 'role', 'term', 'committed', 'applied', 'watchers', 'slow', 'pending'];

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
  #told = new Map<string, string>();

  constructor(output: Output, hint: string) {
    this.#output = output;
    this.#hint = hint;
  }

  /** Something happened. */
  note(text: string, at: Date = new Date()): void {
    const line = `${at.toTimeString().slice(0, 8)} ${text}`;
    if (this.#output.isTTY !== true) this.#output.write(`${line}\n`);
    this.#notes.push(line);
    if (this.#notes.length > NOTES_MAX) this.#notes.shift();
  }

  show(view: ClusterView, faults: readonly string[]): void {
    this.#noteChanges(view, faults);
    if (this.#output.isTTY !== true) return;
    const lines = [viewTable(view, faults), '', ...this.#notes, '', this.#hint];
    // Home, each line to its end, and nothing below: the screen does not flicker as it would if it were cleared first.
    this.#output.write(`\x1b[H${lines.join('\n').replaceAll('\n', '\x1b[K\n')}\x1b[K\x1b[J`);
  }

  /** An empty screen to draw on. */
  begin(): void {
    if (this.#output.isTTY === true) this.#output.write('\x1b[2J\x1b[H');
  }

  end(): void {
    if (this.#output.isTTY === true) this.#output.write('\n');
  }

  #noteChanges(view: ClusterView, faults: readonly string[]): void {
    const now = new Map(view.members.map(({ name, role, status }) => [name, describe(role, status?.term)]));
    now.set('links', faults.length === 0 ? 'whole' : faults.join(', '));
    now.set('cluster', view.leader === undefined ? 'no leader' : `leader ${view.leader}, term ${view.term}`);
    for (const [name, text] of now) {
      const isFirst = !this.#told.has(name);
      if (this.#told.get(name) === text || (isFirst && text === 'whole')) continue;
      this.note(`${name}: ${text}`);
    }
    for (const name of this.#told.keys()) if (!now.has(name)) this.note(`${name}: no member any more`);
    this.#told = now;
  }
}

const cell = (number: number | undefined): string => number?.toString() ?? '-';

function describe(role: string, term: number | undefined): string {
  return term === undefined ? role : `${role}, term ${term}`;
}
