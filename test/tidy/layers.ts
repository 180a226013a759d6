/**
 * Who may import whom, as a table. Imports run strictly downward, through each folder's door (its index.ts):
 *
 *     cli
 *     rpc       client (base and gen only)
 *     node
 *     peer
 *     storage  wire  ops
 *     machine  codec  tls
 *     raft  mvcc  watch  lease  auth         watch -> mvcc is the one import on a level
 *     base  gen
 *
 * Pure folders are functions of their arguments: no platform, no packages, no time, no chance, nothing asynchronous. They are
 * what the simulator runs, and what gives the same bytes on every member.
 */

import { dirname, join } from 'node:path/posix';
import { matches, type Rule, type Source, type Violation, violation } from './source.ts';

const LEVELS: readonly (readonly string[])[] = [
  ['base', 'gen'],
  ['raft', 'mvcc', 'watch', 'lease', 'auth'],
  ['machine', 'codec', 'tls'],
  ['storage', 'wire', 'ops'],
  ['peer'],
  ['node'],
  ['rpc', 'client'],
  ['cli'],
];

const LEVEL: ReadonlyMap<string, number> = new Map(
  LEVELS.flatMap((folders, level) => folders.map((folder) => [folder, level] as const)),
);

const SIDEWAYS = new Set(['watch -> mvcc']);

/** Folders that know less than their level would let them. */
const ONLY: Readonly<Record<string, readonly string[]>> = {
  client: ['base', 'gen'],
  cluster: ['base', 'client'],
};

const PURE = new Set(['base', 'raft', 'mvcc', 'watch', 'lease', 'auth', 'machine']);

/** A library is met in one place, behind a port of ours; elsewhere nobody knows it. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  '@grpc/grpc-js': ['wire', 'peer', 'client'],
  bcryptjs: ['rpc'],
  'classic-level': ['storage'],
  jose: ['rpc'],
  'node-forge': ['tls'],
  pino: ['ops'],
  'prom-client': ['ops'],
  protobufjs: ['gen', 'codec', 'rpc', 'client'],
  yaml: ['cli'],
};

/** What a platform or a clock gives, in folders that must not have it. (The compiler refuses the rest: their "types" are empty.) */
const IMPURE =
  /(?<![.\w$])(?:async|await|Promise|Date|Buffer|performance|queueMicrotask|set(?:Timeout|Interval|Immediate))\b(?!\s*[?]?:)|\bMath\.random\b|(?<![.\w$])process\.|\bglobalThis\b/g;

const IMPORT =
  /(?:^|[\n;])\s*(?:import|export)\b(?:[^'";()]*?\bfrom)?\s*(['"])(?<path>[^'"\n]+)\1|\bimport\(\s*(['"])(?<dynamic>[^'"\n]+)\3/g;

interface Import {
  readonly target: string;
  readonly offset: number;
}

export function importsOf(source: Source): Import[] {
  return [...source.bare.matchAll(IMPORT)].map((match) => ({
    target: match.groups?.['path'] ?? match.groups?.['dynamic'] ?? '',
    offset: match.index + match[0].length,
  }));
}

/** The part of the tree a path is in: 'mvcc' for src/mvcc/…, 'cluster', 'test', or '' for a file at the top. */
function folderOf(path: string): string {
  const [top = '', second = ''] = path.split('/');
  if (top !== 'src') return path.includes('/') ? top : '';
  return second.includes('.') ? '' : second;
}

const packageOf = (target: string): string => target.match(/^(?:@[^/]+\/)?[^/]+/)?.[0] ?? target;

function problemOfPackage(folder: string, target: string): string | undefined {
  if (PURE.has(folder)) return `${folder} is pure and must not import ${target}`;
  if (folder === 'test' || folder === 'cluster' || target.startsWith('node:')) return undefined;
  const folders = PACKAGES[packageOf(target)];
  if (folders === undefined) return `${packageOf(target)} has no place in the table of packages`;
  return folders.includes(folder) ? undefined : `${packageOf(target)} is for ${folders.join(', ')}, not for ${folder}`;
}

function problemOfFolder(from: string, to: string): string | undefined {
  const only = ONLY[from];
  if (only !== undefined)
    return only.includes(to) ? undefined : `${from} may import ${only.join(' and ')} only, not ${to}`;
  if (to === 'test' || to === 'cluster') return `src must not import ${to}`;
  const fromLevel = LEVEL.get(from);
  const toLevel = LEVEL.get(to);
  if (fromLevel === undefined || toLevel === undefined) return `no layer for ${fromLevel === undefined ? from : to}`;
  if (PURE.has(from) && !PURE.has(to)) return `${from} is pure and must not import ${to}`;
  if (toLevel < fromLevel || SIDEWAYS.has(`${from} -> ${to}`)) return undefined;
  return `${from} must not import ${to}: imports run strictly downward`;
}

/** Imports keep to the table and go through the door. */
export const layers: Rule = (source) => {
  const from = folderOf(source.path);
  if (from === 'test' || from === '' || !source.path.endsWith('.ts')) return [];
  const violations: Violation[] = [];
  for (const { target, offset } of importsOf(source)) {
    if (!target.startsWith('.')) {
      const problem = problemOfPackage(from, target);
      if (problem !== undefined) violations.push(violation(source, offset, problem));
      continue;
    }
    const path = join(dirname(source.path), target);
    const to = folderOf(path);
    if (to === from) continue;
    const problem = problemOfFolder(from, to) ?? problemOfDoor(path, to);
    if (problem !== undefined) violations.push(violation(source, offset, problem));
  }
  return violations;
};

function problemOfDoor(path: string, folder: string): string | undefined {
  const door = folder === 'gen' ? 'src/gen/etcd.js' : `src/${folder}/index.ts`;
  return path === door ? undefined : `${path} is not the door of ${folder}: import ${door}`;
}

/** Pure folders do not touch the platform, time or chance. */
export const purity: Rule = (source) =>
  source.path.startsWith('src/') && PURE.has(folderOf(source.path))
    ? matches(source, source.code, IMPURE, 'not in a pure folder')
    : [];
