/** etcdserverpb.AlarmRequest as plain data: the one request of Maintenance that goes through the log. */

import type { Bytes } from '../base/index.ts';
import { ProtoReader } from './proto-reader.ts';
import { joined, ProtoWriter } from './proto-writer.ts';

export interface AlarmOperation {
  readonly kind: 'alarm';
  readonly action: 'get' | 'activate' | 'deactivate';
  readonly memberId: bigint;
  readonly alarm: 'none' | 'nospace' | 'corrupt';
}

const ACTIONS: readonly AlarmOperation['action'][] = ['get', 'activate', 'deactivate'];
const ALARMS: readonly AlarmOperation['alarm'][] = ['none', 'nospace', 'corrupt'];

/** An action that we do not know only reads; an alarm that we do not know is none. (etcd 3.4 dies of the first.) */
export function decodeAlarm(bytes: Bytes): AlarmOperation {
  let action = 0;
  let memberId = 0n;
  let alarm = 0;
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) action = reader.number();
    else if (reader.field === 2) memberId = reader.uint64();
    else if (reader.field === 3) alarm = reader.number();
    else reader.skip();
  }
  return { kind: 'alarm', action: ACTIONS[action] ?? 'get', memberId, alarm: ALARMS[alarm] ?? 'none' };
}

/** The bytes of a request that a member makes itself. */
export function encodeAlarm(operation: AlarmOperation): Bytes {
  const writer = new ProtoWriter();
  writer.numberField(3, ALARMS.indexOf(operation.alarm));
  writer.bigintField(2, operation.memberId);
  writer.numberField(1, ACTIONS.indexOf(operation.action));
  return joined(writer.finish());
}
