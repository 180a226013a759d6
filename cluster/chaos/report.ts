/** The report of a chaos run, as text that reads well on a terminal and as Markdown. */

import type { Check } from '../checker/index.ts';
import { table } from '../report/index.ts';
import type { Stall } from '../workload/index.ts';
import type { Peaks } from './observer.ts';

export interface Moment {
  readonly atMs: number;
  readonly text: string;
}

export interface Results {
  /** How to run it again. */
  readonly command: string;
  readonly server: string;
  readonly seconds: number;
  readonly checks: readonly Check[];
  /** Faults and leaders, in order. */
  readonly timeline: readonly Moment[];
  readonly faults: number;
  readonly leaders: number;
  readonly snapshots: number;
  readonly writesPerSecond: readonly number[];
  readonly longestStall: Stall;
  /** How many of each kind had which outcome: 'put ok'. */
  readonly tallies: ReadonlyMap<string, number>;
  readonly watchers: number;
  readonly eventsTold: number;
  readonly streamsLost: number;
  readonly compactionGaps: number;
  readonly peaks: Peaks;
  readonly memoryBytesMax: number;
}

const SECONDS_PER_LINE = 20;

export function passed(checks: readonly Check[]): boolean {
  return checks.every(({ findings }) => findings.count === 0);
}

export function report(results: Results): string {
  return [
    `# Chaos run: ${passed(results.checks) ? 'passed' : 'FAILED'}`,
    summary(results),
    section('Checks', block(checkTable(results.checks))),
    ...findingsOf(results.checks),
    section('Timeline', block(results.timeline.map(({ atMs, text }) => `${clock(atMs)}  ${text}`).join('\n'))),
    section('Writes acknowledged in each second', block(throughput(results.writesPerSecond))),
    section('Operations', block(tallyTable(results.tallies))),
    `Again: \`${results.command}\`\n`,
  ].join('\n\n');
}

function summary(results: Results): string {
  const { longestStall, peaks } = results;
  return [
    `${results.seconds.toFixed(0)} s with ${results.faults} faults and ${results.leaders} leaders, ${results.snapshots} members brought back by a snapshot; server: ${results.server}.`,
    `Longest time without an acknowledged write: ${(longestStall.ms / 1000).toFixed(2)} s, from ${clock(longestStall.fromMs)}.`,
    `${results.watchers} watchers were told ${results.eventsTold} revisions; ${results.streamsLost} streams were lost and resumed, ` +
      `${results.compactionGaps} compactions overtook a watcher.`,
    `At most ${peaks.slowWatchers} watchers of a member were slow and ${peaks.pendingEvents} events pending. ` +
      `This process took ${Math.round(results.memoryBytesMax / 2 ** 20)} MiB.`,
  ].join('\n');
}

function checkTable(checks: readonly Check[]): string {
  const rows = checks.map(({ name, count, findings, undecided }) => [
    name,
    String(count),
    findings.count > 0 ? `FAILED (${findings.count})` : undecided === '' ? 'passed' : `passed, but ${undecided}`,
  ]);
  return table(['check', 'count', 'result'], rows);
}

function findingsOf(checks: readonly Check[]): readonly string[] {
  const failed = checks.filter(({ findings }) => findings.count > 0);
  if (failed.length === 0) return [];
  const texts = failed.map(({ name, findings: { texts: each, count } }) => {
    const rest = count > each.length ? [`- and ${count - each.length} more`] : [];
    return [`${name}:`, ...each.map((text) => `- ${text}`), ...rest].join('\n');
  });
  return [section('Findings', texts.join('\n\n'))];
}

function throughput(perSecond: readonly number[]): string {
  const lines: string[] = [];
  for (let from = 0; from < perSecond.length; from += SECONDS_PER_LINE) {
    const numbers = perSecond.slice(from, from + SECONDS_PER_LINE).map((count) => String(count).padStart(4));
    lines.push(`${clock(from * 1000)} ${numbers.join('')}`);
  }
  return lines.join('\n');
}

function tallyTable(tallies: ReadonlyMap<string, number>): string {
  const kinds = [...new Set([...tallies.keys()].map((name) => name.split(' ')[0] ?? ''))];
  const outcomes = ['ok', 'failed', 'unknown'];
  const rows = kinds.map((kind) => [
    kind,
    ...outcomes.map((outcome) => String(tallies.get(`${kind} ${outcome}`) ?? 0)),
  ]);
  return table(['operation', ...outcomes], rows);
}

const section = (title: string, text: string): string => `## ${title}\n\n${text}`;
const block = (text: string): string => `\`\`\`\n${text}\n\`\`\``;

/** Minutes, seconds and tenths: ' 1:07.3'. */
export function clock(ms: number): string {
  const tenths = Math.floor(ms / 100);
  const seconds = Math.floor(tenths / 10);
  const rest = `${String(seconds % 60).padStart(2, '0')}.${tenths % 10}`;
  return `${String(Math.floor(seconds / 60)).padStart(2)}:${rest}`;
}
