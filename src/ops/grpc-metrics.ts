/**
 * The counters that every gRPC server in Go has: calls and messages by method, endings by code. They are there from the start
 * with 0 for every method and code, or a rate over them would miss the first of each.
 *
 * A method's numbers are plain fields of its MethodMetrics; whoever serves the method keeps that object.
 */

import { Status } from '../base/index.ts';
import type { MetricRegistry, Observe, Row } from './metric-registry.ts';

/** What the codes are called in the label grpc_code, in their order. */
const CODE_NAMES: Readonly<Record<Status, string>> = {
  [Status.ok]: 'OK',
  [Status.canceled]: 'Canceled',
  [Status.unknown]: 'Unknown',
  [Status.invalidArgument]: 'InvalidArgument',
  [Status.deadlineExceeded]: 'DeadlineExceeded',
  [Status.notFound]: 'NotFound',
  [Status.alreadyExists]: 'AlreadyExists',
  [Status.permissionDenied]: 'PermissionDenied',
  [Status.resourceExhausted]: 'ResourceExhausted',
  [Status.failedPrecondition]: 'FailedPrecondition',
  [Status.aborted]: 'Aborted',
  [Status.outOfRange]: 'OutOfRange',
  [Status.unimplemented]: 'Unimplemented',
  [Status.internal]: 'Internal',
  [Status.unavailable]: 'Unavailable',
  [Status.dataLoss]: 'DataLoss',
  [Status.unauthenticated]: 'Unauthenticated',
};

export type MethodKind = 'unary' | 'serverStream' | 'duplex';

const TYPE_NAMES: Readonly<Record<MethodKind, string>> = {
  unary: 'unary',
  serverStream: 'server_stream',
  duplex: 'bidi_stream',
};

const HANDLING_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** The numbers of one method. */
export class MethodMetrics {
  started = 0;
  received = 0;
  sent = 0;
  /** By code. */
  readonly handled: number[] = Object.keys(CODE_NAMES).map(() => 0);
  readonly #observe: Observe | undefined;

  constructor(observe: Observe | undefined) {
    this.#observe = observe;
  }

  /** A call ended with `code`, `seconds` after it started. */
  ended(code: Status, seconds: number): void {
    this.handled[code] = (this.handled[code] ?? 0) + 1;
    this.#observe?.(seconds);
  }
}

/** By full name, '/package.Service/Method'. With `extensive`, also how long calls take. */
export function registerGrpcMetrics(
  registry: MetricRegistry,
  methods: Iterable<readonly [string, { readonly kind: MethodKind }]>,
  extensive: boolean,
): ReadonlyMap<string, MethodMetrics> {
  const labelNames = ['grpc_type', 'grpc_service', 'grpc_method'];
  const handling = extensive
    ? registry.histograms(
        { name: 'grpc_server_handling_seconds', help: 'Time from the start of a call to its end.' },
        labelNames,
        HANDLING_BUCKETS,
      )
    : undefined;
  const all = new Map<string, MethodMetrics>();
  const started: Row[] = [];
  const received: Row[] = [];
  const sent: Row[] = [];
  const handled: Row[] = [];
  for (const [name, { kind }] of methods) {
    const [service = '', method = ''] = name.replace(/^\//, '').split('/');
    const metrics = new MethodMetrics(handling?.(TYPE_NAMES[kind], service, method));
    all.set(name, metrics);
    const labels = { grpc_method: method, grpc_service: service, grpc_type: TYPE_NAMES[kind] };
    started.push({ labels, read: () => metrics.started });
    received.push({ labels, read: () => metrics.received });
    sent.push({ labels, read: () => metrics.sent });
    for (const [code, codeName] of Object.entries(CODE_NAMES)) {
      handled.push({ labels: { grpc_code: codeName, ...labels }, read: () => metrics.handled[Number(code)] ?? 0 });
    }
  }
  registry.table({ name: 'grpc_server_started_total', help: 'Calls begun.' }, started);
  registry.table({ name: 'grpc_server_handled_total', help: 'Calls ended, by code.' }, handled);
  registry.table({ name: 'grpc_server_msg_received_total', help: 'Messages received in calls.' }, received);
  registry.table({ name: 'grpc_server_msg_sent_total', help: 'Messages sent in calls.' }, sent);
  return all;
}
