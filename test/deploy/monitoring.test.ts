/**
 * Prometheus with the project's own configuration, beside three members as processes: whatever the alerts and the dashboard ask for
 * is there, and what it answers is no error and not empty.
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LocalCluster } from '../../cluster/local/index.ts';
import { commandOf } from '../../cluster/process/index.ts';
import { connect } from '../../src/client/index.ts';
import { hasTools } from '../support/tools.ts';
import { alerts, panels, TOP, textOf } from './project.ts';
import { labelsIn, metricsIn, withoutVariables } from './promql.ts';

const FIRST_PORT = 25_520;
const PROMETHEUS_PORT = 25_530;
const READY_WITHIN_MS = 30_000;

const RULES = 'deploy/prometheus/rules/watchraft.yml';
const RULE_TESTS = 'deploy/prometheus/tests/watchraft.test.yml';

function promtool(...args: readonly string[]): { status: number | null; text: string } {
  const { status, stdout, stderr } = spawnSync('promtool', args, { cwd: TOP, encoding: 'utf8' });
  return { status, text: `${stdout}${stderr}` };
}

describe.skipIf(!hasTools('promtool'))('promtool', () => {
  test.each([
    ['the configuration', ['check', 'config', 'deploy/prometheus/prometheus.yml']],
    ['the rules', ['check', 'rules', RULES]],
    ['the tests of the rules', ['test', 'rules', RULE_TESTS]],
  ])('finds nothing wrong with %s', (_what, args) => {
    const { status, text } = promtool(...args);
    expect(status, text).toBe(0);
  });
});

describe('the alerts', () => {
  const all = alerts();

  test('have names of their own, and a test each', () => {
    expect(new Set(all.map(({ alert }) => alert)).size).toBe(all.length);
    const tests = textOf(RULE_TESTS);
    for (const { alert } of all) expect(tests).toContain(`alertname="${alert}"`);
  });

  test('say what is the matter, and where the runbook has what to do', () => {
    const headings = [...textOf('deploy/README.md').matchAll(/^#+ (.*)$/gm)].map(([, text = '']) => text.toLowerCase());
    for (const { alert, annotations, labels } of all) {
      expect(Object.keys(annotations).sort()).toEqual(['description', 'runbook', 'summary']);
      expect(annotations['runbook']).toBe(`deploy/README.md#${alert.toLowerCase()}`);
      expect(headings).toContain(alert.toLowerCase());
      expect(['warning', 'critical']).toContain(labels['severity']);
    }
  });
});

describe('the dashboard', () => {
  test('has a number of its own for each panel, and a place of its own', () => {
    const all = panels();
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
    const taken = new Map<string, string>();
    for (const { title, gridPos } of all) {
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
          expect(taken.get(`${x},${y}`), `${title} lies on`).toBeUndefined();
          taken.set(`${x},${y}`, title);
        }
      }
    }
  });
});

interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

/** Prometheus with the project's rules, and with its configuration but for where the members are and how often they are asked. */
async function startPrometheus(directory: string, endpoints: readonly string[]): Promise<ChildProcess> {
  cpSync(resolve(TOP, 'deploy/prometheus'), directory, { recursive: true });
  const config = textOf('deploy/prometheus/prometheus.yml')
    .replaceAll(/(scrape|evaluation)_interval: 5s/g, '$1_interval: 500ms')
    .replace('[n1:2379, n2:2379, n3:2379]', JSON.stringify(endpoints));
  writeFileSync(join(directory, 'prometheus.yml'), config);
  const flags = [
    `--config.file=${join(directory, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(directory, 'data')}`,
    `--web.listen-address=127.0.0.1:${PROMETHEUS_PORT}`,
  ];
  return spawn('prometheus', flags, { stdio: 'ignore' });
}

async function query(expression: string): Promise<readonly Sample[]> {
  const url = `http://127.0.0.1:${PROMETHEUS_PORT}/api/v1/query?query=${encodeURIComponent(expression)}`;
  const answer = (await (await fetch(url)).json()) as { status: string; error?: string; data: { result: Sample[] } };
  if (answer.status !== 'success') throw new Error(`${expression}: ${answer.error}`);
  return answer.data.result;
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const giveUpAt = Date.now() + READY_WITHIN_MS;
  while (!(await holds().catch(() => false))) {
    if (Date.now() > giveUpAt) throw new Error(`not within ${READY_WITHIN_MS} ms: ${what}`);
    await sleep(100);
  }
}

describe.skipIf(!hasTools('prometheus'))('beside three members', () => {
  const directory = mkdtempSync(join(tmpdir(), 'watchraft-monitoring-'));
  let cluster: LocalCluster;
  let prometheus: ChildProcess;
  let exposed = '';

  beforeAll(async () => {
    cluster = await LocalCluster.start({
      command: commandOf(undefined),
      directory: join(directory, 'cluster'),
      size: 3,
      firstPort: FIRST_PORT,
    });
    await cluster.untilReady(READY_WITHIN_MS);
    const { endpoints } = cluster;
    prometheus = await startPrometheus(join(directory, 'prometheus'), endpoints);
    const client = connect({ endpoints });
    const watch = client.watch('k');
    await watch.created;
    await client.put('k', 'v');
    await client.get('k');
    await until('three members scraped twice', async () => {
      // Something to count between two scrapes.
      await client.put('k', 'v');
      if ((await query('sum(rate(grpc_server_handled_total{grpc_method="Put"}[1m])) > 0')).length === 0) return false;
      const scraped = await query('count_over_time(up{job="etcd"}[1m]) > 3');
      return scraped.length === 3 && (await query('sum(etcd_debugging_mvcc_events_total) > 0')).length === 1;
    });
    exposed = await (await fetch(`http://${endpoints[0]}/metrics`)).text();
    client.close();
  });

  afterAll(async () => {
    if (prometheus?.kill('SIGKILL')) await once(prometheus, 'exit');
    await cluster?.down();
    rmSync(directory, { recursive: true, force: true });
  });

  /** Of Prometheus itself. */
  const OF_PROMETHEUS = new Set(['up', 'ALERTS']);

  const expressions = [
    ...alerts().map(({ alert, expr }) => [alert, expr] as const),
    ...panels().flatMap(({ title, targets = [] }) => targets.map(({ expr }) => [title, expr] as const)),
  ];

  test.each(expressions)('%s: every metric and label that it names is exposed', (_name, expression) => {
    const families = new Map(
      [...exposed.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => [name, type]),
    );
    const series = new Set(
      [...families].flatMap(([name, type]) =>
        type === 'histogram' ? ['_bucket', '_sum', '_count'].map((end) => name + end) : [name],
      ),
    );
    // Beside those of /metrics: what Prometheus adds, and what only a raised alarm has.
    const labels = new Set(['job', 'instance', 'server_id', 'alarm_type']);
    for (const [, list = ''] of exposed.matchAll(/^\w+\{(.*)\} /gm)) {
      for (const [, label = ''] of list.matchAll(/(\w+)="/g)) labels.add(label);
    }
    const named = metricsIn(expression);
    expect(named).not.toEqual([]);
    expect(named.filter((name) => !series.has(name) && !OF_PROMETHEUS.has(name))).toEqual([]);
    expect(labelsIn(expression).filter((label) => !labels.has(label))).toEqual([]);
  });

  const targets = panels().flatMap(({ title, targets: all = [] }) => all.map(({ expr }) => [title, expr] as const));
  test.each(targets)('the panel %s shows something', async (_title, expression) => {
    expect(await query(withoutVariables(expression))).not.toEqual([]);
  });

  test('no alert is raised, or about to be, in a cluster that is well', async () => {
    // But for those that tell how busy this machine is.
    const ofTimes = new Set(
      alerts().flatMap(({ alert, expr }) => (expr.includes('histogram_quantile') ? [alert] : [])),
    );
    const raised = (await query('ALERTS')).map(({ metric }) => metric['alertname'] ?? '');
    expect(raised.filter((alert) => !ofTimes.has(alert))).toEqual([]);
  });

  test('a member that is killed is pending as down, by its address', async () => {
    await cluster.kill('n3');
    const ofTheMember = `ALERTS{alertname="MemberDown", instance="${cluster.endpoints[2]}"}`;
    await until('an alert', async () => (await query(ofTheMember)).length === 1);
  });
});
