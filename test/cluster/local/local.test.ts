import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { callControl, NoRunnerError, serveControl } from '../../../cluster/local/control.ts';
import { flagsOf, placeOf } from '../../../cluster/local/layout.ts';
import { endLeftovers } from '../../../cluster/local/leftovers.ts';
import { type ClusterView, gaugesOf, type MemberView } from '../../../cluster/local/monitor.ts';
import { parseOptions } from '../../../cluster/local/options.ts';
import { type Output, Screen, viewTable } from '../../../cluster/local/screen.ts';
import { present } from '../../../src/base/index.ts';
import { withTemporaryDirectory } from '../../support/temporary-directory.ts';

test('members have the ports that local clusters of etcd have', () => {
  const places = [1, 2, 3, 4].map((number) => placeOf(number, { firstPort: undefined, linked: true }));
  expect(places.map(({ clientPort, peerPort }) => [clientPort, peerPort])).toEqual([
    [2379, 2380],
    [22379, 22380],
    [32379, 32380],
    [42379, 42380],
  ]);
});

test('a member listens behind the address at which the others call it', () => {
  const joining = { initialCluster: 'n1=http://127.0.0.1:25021', state: 'new' } as const;
  const flags = flagsOf(placeOf(1, { firstPort: 25020, linked: true }), '/data/n1', joining);
  expect(flags).toContain('--listen-peer-urls=http://127.0.0.11:25021');
  expect(flags).toContain('--initial-advertise-peer-urls=http://127.0.0.1:25021');
  const alone = flagsOf(placeOf(1, { firstPort: 25020, linked: false }), '/data/n1', joining);
  expect(alone).toContain('--listen-peer-urls=http://127.0.0.1:25021');
});

test('the command line', () => {
  expect(parseOptions(['kill', 'n1'])?.command).toEqual(['kill', 'n1']);
  expect(parseOptions(['--server', ' etcd  --logger=zap '])?.server).toEqual(['etcd', '--logger=zap']);
  expect(parseOptions(['--help'])).toBeUndefined();
  expect(() => parseOptions(['explode'])).toThrow("unknown command 'explode'");
  expect(() => parseOptions(['--members', '7'])).toThrow('--members: 1 to 6');
});

function member(name: string, role: MemberView['role']): MemberView {
  const gauges = { watchers: 7, slowWatchers: 2, pendingEvents: 5, snapshotsReceived: 0 };
  const status = {
    clusterId: 1n,
    memberId: 1n,
    revision: 9,
    term: 4,
    version: '3.7.0',
    sizeBytes: 1,
    sizeInUseBytes: 1,
    leader: 1n,
    committedIndex: 118,
    appliedIndex: 117,
    isLearner: false,
    errors: [],
  };
  const answers = role === 'leader' || role === 'follower';
  return {
    name,
    endpoint: '127.0.0.1:1',
    pid: 1,
    role,
    status: answers ? status : undefined,
    gauges: answers ? gauges : undefined,
  };
}

const VIEW: ClusterView = { members: [member('n1', 'leader'), member('n2', 'down')], leader: 'n1', term: 4 };

test('the table of members says what each does', () => {
  const text = viewTable(VIEW, ['n1 -> n2: cut']);
  expect(text).toContain('leader n1, term 4');
  expect(text).toMatch(/n1 +127\.0\.0\.1:1 +leader +4 +118 +117 +7 +2 +5\n/);
  expect(text).toMatch(/n2 +127\.0\.0\.1:1 +down( +-){6}\n/);
  expect(text).toContain('n1 -> n2: cut');
});

test('without a terminal a line is written for what changes, and for nothing else', () => {
  let written = '';
  const screen = new Screen({ write: (text: string) => (written += text) }, 'hint');
  screen.show(VIEW, []);
  const first = written;
  expect(first).toContain('n1: leader, term 4\n');
  expect(first).toContain('cluster: leader n1, term 4\n');
  screen.show(VIEW, []);
  expect(written).toBe(first);
  screen.show({ members: [member('n1', 'paused')], leader: undefined, term: 0 }, ['n1 -> n2: cut']);
  const lines = written.slice(first.length).replaceAll(/^\d\d:\d\d:\d\d /gm, '');
  expect(lines.split('\n')).toEqual(['n1: paused', 'links: n1 -> n2: cut', 'cluster: no leader', '']);
});

/** What was last drawn on a terminal of that size. */
function terminal(columns: number, rows: number): { output: Output; seen: () => string[] } {
  let written = '';
  const seen = (): string[] => {
    const last = written.split('\x1b[H').at(-1) ?? '';
    return last.replaceAll('\x1b[K', '').replaceAll('\x1b[J', '').split('\n');
  };
  return { output: { isTTY: true, columns, rows, write: (text) => (written += text) }, seen };
}

test('on a terminal of 80 columns and 24 rows everything is to be seen, however much there is', () => {
  const { output, seen } = terminal(80, 24);
  const screen = new Screen(output, `Data: ${'/long'.repeat(30)}\nhint`);
  const names = ['n1', 'n2', 'n3', 'n4', 'n5', 'n6'];
  const members = names.map((name) => ({ ...member(name, 'follower'), endpoint: '127.0.0.1:62379' }));
  const faults = names.flatMap((one) =>
    names.filter((other) => one < other).map((other) => `${one} <-> ${other}: cut`),
  );
  screen.show({ members, leader: 'n1', term: 4 }, faults.slice(0, 3));
  for (let i = 1; i <= 20; i++) screen.note(`note ${i}`);
  const few = seen();
  expect(few).toHaveLength(24);
  expect(few[0]).toBe('leader n1, term 4');
  expect(few[2]).toBe('name  client           role      term  commit  applied  watchers  slow  pending');
  expect(few.filter((line) => line.includes('note')).map((line) => line.slice(9))).toEqual(
    [15, 16, 17, 18, 19, 20].map((i) => `note ${i}`),
  );
  expect(few.at(-1)).toBe('hint');
  expect(Math.max(...few.map(({ length }) => length))).toBe(80);
  screen.show({ members, leader: 'n1', term: 4 }, faults);
  expect(seen().slice(0, 3)).toEqual(few.slice(0, 3));
  expect(seen()).toHaveLength(24);
});

test('a note is seen at once', () => {
  const { output, seen } = terminal(80, 24);
  const screen = new Screen(output, 'hint');
  screen.show(VIEW, []);
  screen.note('stopping');
  expect(seen().at(-3)).toMatch(/^\d\d:\d\d:\d\d stopping$/);
});

test('gauges are read from the text of /metrics, with labels or without', () => {
  const text =
    'etcd_debugging_mvcc_watcher_total 12\netcd_debugging_mvcc_slow_watcher_total{a="b"} 3\n' +
    'etcd_network_snapshot_receive_success{From="1"} 2\netcd_network_snapshot_receive_success{From="2"} 1\n';
  expect(gaugesOf(text)).toEqual({ watchers: 12, slowWatchers: 3, pendingEvents: 0, snapshotsReceived: 3 });
});

test('a second shell is answered, also with what went wrong', () =>
  withTemporaryDirectory(async (directory) => {
    const control = await serveControl(directory, (words) =>
      words[0] === 'fail' ? Promise.reject(new Error('it cannot be')) : Promise.resolve(words.join('+')),
    );
    onTestFinished(() => void control.close());
    expect(await callControl(directory, ['cut', 'n1', 'n2'])).toEqual({ ok: true, text: 'cut+n1+n2' });
    expect(await callControl(directory, ['fail'])).toEqual({ ok: false, text: 'it cannot be' });
    await expect(serveControl(directory, () => Promise.resolve(''))).rejects.toThrow('runs in');
  }));

test('where no runner is, there is nobody to ask', () =>
  withTemporaryDirectory(async (directory) => {
    await expect(callControl(directory, ['status'])).rejects.toThrow(NoRunnerError);
  }));

test('what a killed runner left behind is ended, and nothing else', () =>
  withTemporaryDirectory(async (directory) => {
    const mark = join(directory, 'n1');
    const sleeper = ['-e', 'setInterval(() => {}, 1000)', '--'];
    const ours = spawn(process.execPath, [...sleeper, `--data-dir=${mark}`], { stdio: 'ignore' });
    const other = spawn(process.execPath, [...sleeper, `--data-dir=${mark}0`], { stdio: 'ignore' });
    onTestFinished(() => void other.kill('SIGKILL'));
    onTestFinished(() => void ours.kill('SIGKILL'));
    await Promise.all([once(ours, 'spawn'), once(other, 'spawn')]);
    const gone = once(ours, 'exit');
    const pids = [ours, other].map((child) => present(child.pid, 'a pid'));
    expect(await endLeftovers([{ pid: undefined, mark }, ...pids.map((pid) => ({ pid, mark }))])).toBe(1);
    expect(await gone).toEqual([null, 'SIGKILL']);
    expect(other.exitCode).toBeNull();
  }));
