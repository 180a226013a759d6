/**
 * A look at LevelDB's log files before LevelDB takes one.
 *
 * LevelDB replays its log when it opens, drops what is damaged in it, and deletes it: afterwards the damage is a fact of the
 * tables. Yet nothing need be lost. What is in the log has not been flushed, and what has not been flushed is still in the
 * write-ahead log. Without the damaged file LevelDB opens as it was at the last flush, and the rest is applied again. So this
 * must be found out first.
 *
 * The format (LevelDB's doc/log_format.md): blocks of 32 KiB, in them fragments of records:
 *
 *     CRC 4   length 2   type 1   bytes          CRC-32C of type and bytes, rotated right by 15 and a constant added
 *                                                type 1 whole record, 2 first, 3 middle, 4 last fragment; 0: nothing written
 *
 * A file may end in the middle of a fragment, or in zeros: such is a crash, and LevelDB takes it as the end. A fragment that
 * is whole and does not match its CRC is damage.
 */

import { readdir, readFile } from 'node:fs/promises';
import { type Bytes, crc32c } from '../base/index.ts';
import { BackendDamagedError } from './backend.ts';
import { errorCode } from './disk.ts';

const BLOCK_BYTES = 32 * 1024;
const HEADER_BYTES = 7;
const CRC_MASK = 0xa282ead8;

/** Throws BackendDamagedError if a log file in a LevelDB directory is damaged. No directory, no damage. */
export async function checkLevelLogs(directory: string): Promise<void> {
  for (const name of await namesIn(directory)) {
    if (!/^\d+\.log$/.test(name)) continue;
    const path = `${directory}/${name}`;
    const damagedAt = findLevelLogDamage(await readFile(path));
    if (damagedAt === undefined) continue;
    throw new BackendDamagedError(path, `a CRC does not match at byte ${damagedAt}`, {
      remedy: `Move this one file away and start again: all that is in it is in the write-ahead log as well, and will be applied from there.`,
    });
  }
}

/** Where the first fragment lies that does not match its CRC; undefined if there is none. */
export function findLevelLogDamage(log: Bytes): number | undefined {
  const view = new DataView(log.buffer, log.byteOffset, log.length);
  for (let block = 0; block < log.length; block += BLOCK_BYTES) {
    const blockEnd = Math.min(block + BLOCK_BYTES, log.length);
    for (let at = block; at + HEADER_BYTES <= blockEnd; ) {
      const length = view.getUint16(at + 4, true);
      const type = log[at + 6];
      if (type === 0 && length === 0 && view.getUint32(at, true) === 0) {
        if (isZero(log, at, blockEnd)) break;
        return at;
      }
      const end = at + HEADER_BYTES + length;
      if (end > blockEnd) {
        // The last one may have been cut short by a crash. No other one may be longer than its block.
        if (blockEnd === log.length) break;
        return at;
      }
      const crc = crc32c(log.subarray(at + 6, end));
      const masked = (((crc >>> 15) | (crc << 17)) + CRC_MASK) >>> 0;
      if (view.getUint32(at, true) !== masked) return isZero(log, end - 1, log.length) ? undefined : at;
      at = end;
    }
  }
  return undefined;
}

function isZero(bytes: Bytes, from: number, to: number): boolean {
  return bytes.subarray(from, to).every((byte) => byte === 0);
}

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}
