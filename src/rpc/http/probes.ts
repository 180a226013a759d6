/**
 * /health, /livez and /readyz: what orchestrators ask before they send clients here, or kill this process.
 *
 *     /health   {"health":"true","reason":""}, or 503 {"health":"false","reason":"ALARM NOSPACE"}
 *               ?serializable=true asks about this member alone, ?exclude=NOSPACE overlooks an alarm
 *     /livez    is the process of any use?           ok, or 503 and what failed
 *     /readyz   may clients be sent here?            /readyz/linearizable_read asks one check alone
 *               ?verbose tells of the good checks too, ?exclude=non_learner leaves one out
 */

import type { RangeOperation } from '../../mvcc/index.ts';
import type { Member } from '../../node/index.ts';
import { getOnly, type HttpAnswer, type HttpHandler, type HttpRequest, plainError } from '../../wire/index.ts';

/** Hears what came of each probe, for the metrics. */
export interface ProbeObserver {
  /** /health as a whole. */
  health(isHealthy: boolean): void;
  /** One check. */
  check(type: 'livez' | 'readyz', name: string, isHealthy: boolean): void;
}

export interface ProbeOptions {
  readonly member: Member;
  readonly observer: ProbeObserver;
}

/** Resolves if all is well; rejects with why not. */
type Check = (member: Member) => Promise<void>;

/** Any read would do. */
const PROBE: RangeOperation = {
  kind: 'range',
  range: { key: 'health', end: undefined },
  limit: 1,
  revision: 0,
  sortOrder: 'none',
  sortTarget: 'key',
  serializable: true,
  keysOnly: true,
  countOnly: false,
  minModRevision: 0,
  maxModRevision: 0,
  minCreateRevision: 0,
  maxCreateRevision: 0,
};

const serializableRead: Check = async (member) => void (await member.range(PROBE));

const linearizableRead: Check = async (member) => {
  await member.readIndex();
  await member.range(PROBE);
};

const dataCorruption: Check = async (member) => {
  if (member.status().alarms.some(({ type }) => type === 'corrupt')) throw new Error('alarm activated: CORRUPT');
};

const nonLearner: Check = async (member) => {
  if (member.status().isLearner) throw new Error('the member is a learner');
};

type Checks = ReadonlyMap<string, Check>;

const LIVEZ: Checks = new Map([['serializable_read', serializableRead]]);

const READYZ: Checks = new Map([
  ['data_corruption', dataCorruption],
  ['serializable_read', serializableRead],
  ['linearizable_read', linearizableRead],
  ['non_learner', nonLearner],
]);

export function probeRoutes(options: ProbeOptions): readonly (readonly [string, HttpHandler])[] {
  return [
    ['/health', getOnly((request) => health(options, request))],
    ...checkRoutes(options, 'livez', LIVEZ),
    ...checkRoutes(options, 'readyz', READYZ),
  ];
}

async function health({ member, observer }: ProbeOptions, { query }: HttpRequest): Promise<HttpAnswer> {
  const reason = await reasonOfIllness(member, new Set(query.getAll('exclude')), query.get('serializable') === 'true');
  observer.health(reason === undefined);
  if (reason !== undefined) return plainError(503, JSON.stringify({ health: 'false', reason }));
  return {
    status: 200,
    headers: { 'Content-Type': 'text/plain; charset=utf-8' },
    body: JSON.stringify({ health: 'true', reason: '' }),
  };
}

async function reasonOfIllness(
  member: Member,
  excluded: ReadonlySet<string>,
  serializable: boolean,
): Promise<string | undefined> {
  const { alarms, leader } = member.status();
  const alarm = alarms.map(({ type }) => type.toUpperCase()).find((name) => !excluded.has(name));
  if (alarm !== undefined) return `ALARM ${alarm}`;
  if (!serializable && leader === 0n) return 'RAFT NO LEADER';
  try {
    await (serializable ? serializableRead(member) : linearizableRead(member));
  } catch (error) {
    return `RANGE ERROR:${messageOf(error)}`;
  }
  return undefined;
}

function checkRoutes(options: ProbeOptions, type: 'livez' | 'readyz', checks: Checks): [string, HttpHandler][] {
  const all: HttpHandler = (request) => {
    const excluded = new Set(request.query.getAll('exclude'));
    const chosen = new Map([...checks].filter(([name]) => !excluded.has(name)));
    return runChecks(options, type, chosen, request);
  };
  const single = [...checks].map(([name, check]): [string, HttpHandler] => [
    `/${type}/${name}`,
    getOnly((request) => runChecks(options, type, new Map([[name, check]]), request)),
  ]);
  return [[`/${type}`, getOnly(all)], ...single];
}

async function runChecks(
  { member, observer }: ProbeOptions,
  type: 'livez' | 'readyz',
  checks: Checks,
  { query }: HttpRequest,
): Promise<HttpAnswer> {
  const results = await Promise.all(
    [...checks].map(async ([name, check]) => {
      const failure = await check(member).then(() => undefined, messageOf);
      observer.check(type, name, failure === undefined);
      return { failure, line: failure === undefined ? `[+]${name} ok\n` : `[-]${name} failed: ${failure}\n` };
    }),
  );
  const details = results.map(({ line }) => line).join('');
  if (results.some(({ failure }) => failure !== undefined)) return plainError(503, details);
  return {
    status: 200,
    headers: { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' },
    body: query.has('verbose') ? `${details}ok\n` : 'ok\n',
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
