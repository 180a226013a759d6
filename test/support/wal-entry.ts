/** Entries and states of a log, made and shown in a few characters. */

import type { Entry, HardState } from '../../src/codec/index.ts';
import type { RecoveredWal } from '../../src/storage/index.ts';

export const METADATA = { nodeId: 0x8e9e05c52164694dn, clusterId: 0xcdf818194e3a8c32n };

/** An entry whose data tell where it came from: its index, term and a filling of so many bytes. */
export function entry(index: number, term = 1, fillingBytes = 20): Entry {
  const data = new TextEncoder().encode(`${index}@${term} ${'.'.repeat(fillingBytes)}`);
  return { type: 'normal', term, index, data };
}

/** Entries from..to. */
export function entries(from: number, to: number, term = 1, fillingBytes = 20): Entry[] {
  return Array.from({ length: to - from + 1 }, (_, i) => entry(from + i, term, fillingBytes));
}

export function hardState(term: number, commit: number, vote = 0xffff_ffff_ffff_fff1n): HardState {
  return { term, vote, commit };
}

/** Everything that open() must bring back, as text: equal texts, equal states. */
export function stateOf(recovered: Omit<RecoveredWal, 'wal' | 'cut'>): string {
  const { metadata, hardState: state, snapshotMark: mark } = recovered;
  const lines = [
    `metadata ${metadata.nodeId.toString(16)} ${metadata.clusterId.toString(16)}`,
    `hard state ${state.term} ${state.vote} ${state.commit}`,
    `mark ${mark.index} ${mark.term} ${Buffer.from(mark.confState).toString('hex')}`,
  ];
  for (const { type, term, index, data } of recovered.entries) {
    lines.push(`entry ${type} ${term} ${index} ${Buffer.from(data).toString('latin1')}`);
  }
  return lines.join('\n');
}

/** The indexes of recovered entries, as `1..5`, with terms where they are not 1: `1..3 4@2..6@2`. */
export function indexesOf(recovered: Pick<RecoveredWal, 'entries'>): string {
  const runs: { term: number; from: number; to: number }[] = [];
  for (const { term, index } of recovered.entries) {
    const run = runs.at(-1);
    if (run !== undefined && run.term === term && run.to === index - 1) run.to = index;
    else runs.push({ term, from: index, to: index });
  }
  return runs
    .map(({ term, from, to }) => {
      const at = term === 1 ? '' : `@${term}`;
      return `${from}${at}..${to}${at}`;
    })
    .join(' ');
}
