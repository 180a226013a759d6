/** What a snapshot holds, without making a store of it. All of it is read and checked. */

import { type Bytes, crc32c } from '../base/index.ts';
import { SnapshotDamagedError } from './backend.ts';
import { decodeSummary } from './record-encoding.ts';
import { SnapshotReader } from './snapshot-encoding.ts';

export interface SnapshotSummary {
  /** The newest. */
  readonly revision: number;
  /** Puts and deletes that are there. */
  readonly records: number;
  /** CRC-32C of the rows, each key and each value. */
  readonly crc: number;
}

/** Rejects with SnapshotDamagedError, DataDirectoryError (another format), or what `chunks` throw. */
export async function summarize(chunks: AsyncIterable<Bytes>): Promise<SnapshotSummary> {
  const reader = new SnapshotReader();
  const encoder = new TextEncoder();
  let crc = 0;
  for await (const chunk of chunks) {
    for (const [key, value] of reader.push(chunk)) crc = crc32c(value, crc32c(encoder.encode(key), crc));
  }
  const content = decodeSummary(reader.finish());
  if (content === undefined || 'otherFormat' in content)
    throw new SnapshotDamagedError('the summary is not as it was written');
  return { revision: content.mark.currentRevision, records: content.count, crc };
}
