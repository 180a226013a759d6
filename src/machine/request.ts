/** What an entry of the log asks of the machine, decoded. */

import type { DeleteRangeOperation, PutOperation, TxnOperation } from '../mvcc/index.ts';
import type { AlarmType } from './alarm.ts';

export interface CompactionRequest {
  readonly kind: 'compaction';
  readonly revision: number;
  /** The caller wants to hear when the old revisions are really gone: nothing that concerns the machine. */
  readonly physical: boolean;
}

export interface AlarmRequest {
  readonly kind: 'alarm';
  readonly action: 'get' | 'activate' | 'deactivate';
  readonly memberId: bigint;
  readonly alarm: AlarmType | 'none';
}

export type MachineRequest = PutOperation | DeleteRangeOperation | TxnOperation | CompactionRequest | AlarmRequest;
