/** What a saved snapshot holds, in the formats of `etcdutl snapshot status`. */

import { SERVER_VERSION } from '../base/index.ts';
import { summarize } from '../storage/index.ts';
import { openSnapshotFile } from './snapshot-file.ts';

type StatusFormat = 'simple' | 'table' | 'json' | 'fields';

/** Rejects with SnapshotDamagedError, or if the file cannot be read. */
export async function snapshotStatus(path: string, format: StatusFormat): Promise<string> {
  const file = await openSnapshotFile(path);
  const { revision, records, crc } = await summarize(file.chunks());
  const hash = crc.toString(16);
  switch (format) {
    case 'simple':
      return `${hash}, ${revision}, ${records}, ${sizeText(file.bytes)}, ${SERVER_VERSION}\n`;
    case 'json': {
      const fields = { hash: crc, revision, totalKey: records, totalSize: file.bytes, version: SERVER_VERSION };
      return `${JSON.stringify(fields)}\n`;
    }
    case 'fields':
      return `"Hash" : ${crc}\n"Revision" : ${revision}\n"Keys" : ${records}\n"Size" : ${file.bytes}\n"Version" : "${SERVER_VERSION}"\n`;
    case 'table':
      return boxed(
        ['HASH', 'REVISION', 'TOTAL KEYS', 'TOTAL SIZE', 'STORAGE VERSION'],
        [hash, String(revision), String(records), sizeText(file.bytes), SERVER_VERSION],
      );
    default:
      return format satisfies never;
  }
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

/** '2.1 MB': thousands, one digit behind the point below ten. */
function sizeText(bytes: number): string {
  const power = bytes < 10 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(bytes) / 3));
  const value = Math.floor((bytes / 1000 ** power) * 10 + 0.5) / 10;
  return `${bytes >= 10 && value < 10 ? value.toFixed(1) : value.toFixed(0)} ${UNITS[power]}`;
}

function boxed(head: readonly string[], row: readonly string[]): string {
  const widths = head.map((title, i) => Math.max(title.length, row[i]?.length ?? 0));
  const rule = `+${widths.map((width) => '-'.repeat(width + 2)).join('+')}+`;
  const centred = (text: string, width: number): string => {
    const left = Math.floor((width - text.length) / 2);
    return ' '.repeat(left) + text + ' '.repeat(width - text.length - left);
  };
  const titles = `|${head.map((title, i) => ` ${centred(title, widths[i] ?? 0)} `).join('|')}|`;
  const cells = `|${row.map((text, i) => ` ${text.padStart(widths[i] ?? 0)} `).join('|')}|`;
  return [rule, titles, rule, cells, rule, ''].join('\n');
}
