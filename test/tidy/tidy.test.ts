/**
 * The tree keeps its rules. Each rule is first shown a file that breaks it and one that nearly does: a rule that has
 * never failed proves nothing.
 */

import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { importsOf, layers, purity } from './layers.ts';
import { allTestsRun, fileLength, functionLength, links, names, types, unfinished } from './rules.ts';
import { type Rule, readTree, sourceOf } from './source.ts';

const broken = (rule: Rule, path: string, text: string, paths: readonly string[] = []): string[] =>
  rule(sourceOf(path, text), new Set(paths)).map(({ line, what }) => `${line}: ${what}`);

/** Path, import, and what the rule says of it. */
const FORBIDDEN = [
  ['src/mvcc/store.ts', "import { Wal } from '../storage/index.ts';", 'mvcc is pure and must not import storage'],
  [
    'src/raft/log.ts',
    "import type { Store } from '../mvcc/index.ts';",
    'raft must not import mvcc: imports run strictly downward',
  ],
  [
    'src/mvcc/store.ts',
    "import { Watcher } from '../watch/index.ts';",
    'mvcc must not import watch: imports run strictly downward',
  ],
  [
    'src/storage/wal.ts',
    "import { Logger } from '../ops/index.ts';",
    'storage must not import ops: imports run strictly downward',
  ],
  ['src/wire/port.ts', "export * from '../node/index.ts';", 'wire must not import node: imports run strictly downward'],
  [
    'src/rpc/kv.ts',
    "import { Client } from '../client/index.ts';",
    'rpc must not import client: imports run strictly downward',
  ],
  ['src/base/key.ts', "import { etcdserverpb } from '../gen/etcd.js';", 'base is pure and must not import gen'],
  ['src/client/kv.ts', "import { Store } from '../mvcc/index.ts';", 'client may import base and gen only, not mvcc'],
  [
    'cluster/local.ts',
    "import { main } from '../src/cli/index.ts';",
    'cluster may import base and client only, not cli',
  ],
  [
    'src/node/node.ts',
    "import { Wal } from '../storage/wal.ts';",
    'src/storage/wal.ts is not the door of storage: import src/storage/index.ts',
  ],
  ['src/node/node.ts', "import { twin } from '../../test/support/twin.ts';", 'src must not import test'],
  ['src/node/node.ts', "const local = await import('../../cluster/index.ts');", 'src must not import cluster'],
  ['src/node/node.ts', "import { odd } from '../odd/index.ts';", 'no layer for odd'],
  ['src/watch/tree.ts', "import { strict } from 'node:assert';", 'watch is pure and must not import node:assert'],
  ['src/machine/machine.ts', "import pb from 'protobufjs';", 'machine is pure and must not import protobufjs'],
  ['src/rpc/metrics.ts', "import { Counter } from 'prom-client';", 'prom-client is for ops, not for rpc'],
  ['src/rpc/metrics.ts', "import 'leftpad';", 'leftpad has no place in the table of packages'],
] as const;

const ALLOWED = [
  ['src/watch/watcher.ts', "import { Event } from '../mvcc/index.ts';\nimport { a } from './group.ts';"],
  ['src/wire/grpc-js/server.ts', "import * as grpc from '@grpc/grpc-js';\nimport type { Methods } from '../port.ts';"],
  ['src/cli/server.ts', "import { Node } from '../node/index.ts';\nimport { argv } from 'node:process';"],
  ['src/codec/kv.ts', "import { etcdserverpb } from '../gen/etcd.js';\n// import { Wal } from '../storage/index.ts';"],
  ['src/codec/kv.ts', "const text = `import x from 'leftpad'`;\nconst other = \"\\nimport 'leftpad';\";"],
  ['cluster/local.ts', "import { Client } from '../src/client/index.ts';\nimport { spawn } from 'node:child_process';"],
  ['test/mvcc/store.test.ts', "import { Store } from '../../src/mvcc/store.ts';"],
] as const;

/** How a function of each form begins and ends. */
const FUNCTIONS = [
  ['export function long(a: number): void {', '}'],
  ['export async function* long(\n  a: number,\n): void {', '}'],
  ['export const long = (a: number): void => {', '};'],
  ['class A {\n  async #long(a: number): Promise<void> {', '  }\n}'],
  ['class A {\n  static long(\n    a: number,\n  ): void {', '  }\n}'],
  ['class A {\n  get long(): number {', '  }\n}'],
  ['  on("x", () => {', '  });'],
] as const;

describe('planted violations', () => {
  test.each(FORBIDDEN)('layers: %s: %s', (path, text, problem) => {
    expect(broken(layers, path, `// one\n${text}\n`)).toEqual([`2: ${problem}`]);
  });

  test.each(ALLOWED)('layers: allowed: %s', (path, text) => {
    expect(broken(layers, path, text)).toEqual([]);
  });

  test('imports are found in every form', () => {
    const text = [
      "import 'a';",
      "import b from 'b';",
      'import { c1,',
      '  c2',
      "} from 'c';",
      'import type { D } from "d";',
      "export * from 'e';",
      "export { f } from 'f';",
      "const g = await import('g');",
      "export const h = 'h';",
    ].join('\n');
    expect(importsOf(sourceOf('src/x/y.ts', text)).map(({ target }) => target)).toEqual([
      'a',
      'b',
      'c',
      'd',
      'e',
      'f',
      'g',
    ]);
  });

  test('purity', () => {
    const impure = [
      'Date.now()',
      'Math.random()',
      'process.pid',
      'Buffer.from(x)',
      'setTimeout(f, 1)',
      'async () => 1',
      'await x',
    ];
    for (const text of impure) {
      expect(broken(purity, 'src/mvcc/store.ts', `const a = ${text};`), text).toHaveLength(1);
      expect(broken(purity, 'src/storage/wal.ts', `const a = ${text};`), text).toEqual([]);
    }
    const pure = [
      '// never a Date',
      "const a = 'await';",
      'const process = 1;',
      'this.process(x);',
      'x.Date',
      '{ async: boolean }',
    ];
    for (const text of pure) expect(broken(purity, 'src/mvcc/store.ts', text), text).toEqual([]);
  });

  test('names', () => {
    expect(broken(names, 'src/base/byteUtils.ts', '')).toEqual(['1: not kebab-case: byteUtils.ts']);
    expect(broken(names, 'src/base/Key.ts', '')).toHaveLength(1);
    expect(broken(names, 'src/utils/key.ts', '')).toEqual(['1: a name that says nothing: utils']);
    expect(broken(names, 'src/watch/watch-manager.ts', '')).toHaveLength(1);
    expect(broken(names, 'src/watch/interval-tree.test.ts', '')).toEqual([]);
    expect(broken(names, 'test/bench/RESULTS.md', '')).toEqual([]);
  });

  test('file length', () => {
    expect(broken(fileLength, 'src/a/b.ts', 'x\n'.repeat(601))).toEqual(['602: 601 lines, at most 600']);
    expect(broken(fileLength, 'src/a/b.ts', 'x\n'.repeat(600))).toEqual([]);
  });

  test.each(FUNCTIONS)('function length: %s', (head, tail) => {
    const path = 'src/a/b.ts';
    const body = (lines: number): string =>
      `${head}\n${'    if (a) {\n      call({\n      });\n    }\n'.repeat(lines / 4)}${tail}\n`;
    expect(broken(functionLength, path, body(72))).toHaveLength(1);
    expect(broken(functionLength, path, body(64))).toEqual([]);
  });

  test('function length: in tests the functions inside do not count', () => {
    const inner = `  test('x', () => {\n${'    a();\n'.repeat(60)}  });\n`;
    const suite = `describe('x', () => {\n${inner.repeat(3)}});\n`;
    expect(broken(functionLength, 'test/a/b.test.ts', suite)).toEqual([]);
    expect(broken(functionLength, 'src/a/b.ts', suite)).toHaveLength(1);
    const own = `describe('x', () => {\n${inner}${'  a();\n'.repeat(70)}});\n`;
    expect(broken(functionLength, 'test/a/b.test.ts', own)).toHaveLength(1);
  });

  test('function length: a long table is no function', () => {
    const table = `const table = call({\n${'  a: 1,\n'.repeat(100)}});\n`;
    expect(broken(functionLength, 'src/a/b.ts', table)).toEqual([]);
  });

  test('unfinished', () => {
    expect(broken(unfinished, 'src/a/b.ts', '\n// TODO: later')).toEqual(['2: unfinished: TODO']);
    expect(broken(unfinished, 'src/a/b.ts', '/* FIXME */')).toHaveLength(1);
    expect(broken(unfinished, 'src/a/b.ts', '// TODOS')).toEqual([]);
  });

  test('types', () => {
    const bad = [
      'let a: any;',
      'f<any>()',
      'x as any',
      'let a: any[] = []',
      'a!.b',
      'f()!;',
      'a[0]!',
      '#a!: number;',
      '`${a!}`',
    ];
    for (const text of bad) expect(broken(types, 'src/a/b.ts', text), text).toHaveLength(1);
    const good = [
      'a !== b',
      '!a',
      "'any'",
      '// any',
      'Promise.any(x)',
      'const any = 1',
      '/a!/.test(x)',
      '(!a)',
      '`any!`',
    ];
    for (const text of good) expect(broken(types, 'src/a/b.ts', text), text).toEqual([]);
    expect(broken(types, 'src/a/b.ts', '// @ts-ignore')).toHaveLength(1);
  });

  test('all tests run', () => {
    for (const text of [
      'test.only(1)',
      'test.skip(1)',
      'describe.each(x).skip(1)',
      'it.todo(1)',
      'test.concurrent.only(1)',
      'test.skipIf(x)',
    ]) {
      const found = broken(allTestsRun, 'test/a/b.test.ts', text.replace('.each(x)', '.each'));
      expect(found, text).toHaveLength(1);
    }
    expect(broken(allTestsRun, 'test/compat/b.test.ts', "describe.skipIf(!hasTools('etcd'))")).toEqual([]);
    expect(broken(allTestsRun, 'test/compat/b.test.ts', 'describe.skip(x)')).toHaveLength(1);
    expect(broken(allTestsRun, 'test/a/b.test.ts', "'test.only'; // test.skip\nsource.only")).toEqual([]);
  });

  test('links', () => {
    const paths = ['README.md', 'src', 'src/a', 'src/a/b.ts', 'docs', 'docs/x.md'];
    const at = (text: string): string[] => broken(links, 'docs/x.md', text, paths);
    expect(at('see [b](../src/a/b.ts#L1), [a](../src/a/), [top](/README.md), [web](https://x.y), [here](#it)')).toEqual(
      [],
    );
    expect(at('\n[b](../src/a/c.ts)')).toEqual(['2: a link to nowhere: ../src/a/c.ts']);
    expect(at('[b]: src/a/b.ts')).toEqual(['1: a link to nowhere: src/a/b.ts']);
    expect(at('`[b](nowhere)`\n```\n[c](nowhere)\n```')).toEqual([]);
  });

  test('the scanner tells code from strings, templates, regular expressions and comments', () => {
    const text = 'a = `x ${b ? `y}` : {c}} z` / 2; d = /[/"`]/ / 2; // \'d\'\n"e\\"f"; g';
    const { code, comments, bare } = sourceOf('src/a/b.ts', text);
    expect(code).toBe('a = `  ${b ? `  ` : {c}}  ` / 2; d = /     / / 2;       \n"    "; g');
    expect(comments.trim()).toBe("// 'd'");
    expect(bare).toContain('`x ${b ? `y}` : {c}} z`');
    for (const view of [code, comments, bare]) expect(view).toHaveLength(text.length);
  });
});

describe('the tree', () => {
  const { sources, paths } = readTree(join(import.meta.dirname, '../..'));
  const rules = { layers, purity, names, fileLength, functionLength, unfinished, types, allTestsRun, links };

  test('is there', () => {
    expect(sources.length).toBeGreaterThan(20);
  });

  test.each(Object.entries(rules))('%s', (_name, rule) => {
    const violations = sources.flatMap((source) => rule(source, paths));
    expect(violations.map(({ path, line, what }) => `${path}:${line}: ${what}`)).toEqual([]);
  });
});
