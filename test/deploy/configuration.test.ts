/** Each way to run a member, read as the member itself reads its configuration: nothing is refused, nothing warned of, nothing without effect. */

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments, parse as parseYaml } from 'yaml';
import { parse } from '../../src/cli/parse.ts';
import { bootstrapProblem } from '../../src/cli/server-config.ts';
import { hasTools } from '../support/tools.ts';
import { TOP, textOf } from './project.ts';

type Environment = Readonly<Record<string, string>>;

interface Service {
  readonly image: string;
  readonly environment: Environment;
  readonly ports: readonly string[];
  readonly volumes: readonly string[];
}

const DOCKERFILE = textOf('deploy/Dockerfile');
const compose = parseYaml(textOf('docker-compose.yml'), { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, null>>;
};
const COMPOSE_MEMBERS = ['n1', 'n2', 'n3'];

/** What the image sets for every container. */
const ofImage = variablesIn(DOCKERFILE.replaceAll('\\\n', '\n'));

function variablesIn(text: string): Environment {
  return Object.fromEntries(
    [...text.matchAll(/^\s*(?:ENV )?(ETCD_\w+)=(\S+)/gm)].map(([, name, value]) => [name, value]),
  );
}

interface Pod {
  readonly env: readonly { readonly name: string; readonly value?: string }[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly startupProbe: Probe;
  readonly readinessProbe: Probe;
  readonly livenessProbe: Probe;
  readonly volumeMounts: readonly { readonly mountPath: string }[];
}

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly serviceName?: string;
    readonly replicas?: number;
    readonly minAvailable?: number;
    readonly selector: unknown;
    readonly ports?: readonly { readonly targetPort: string; readonly port: number }[];
    readonly template?: { readonly metadata: unknown; readonly spec: { readonly containers: readonly [Pod] } };
  };
}

const manifests = parseAllDocuments(textOf('deploy/kubernetes/watchraft.yaml')).map((one) => one.toJS() as Manifest);
const statefulSet = manifests.find(({ kind }) => kind === 'StatefulSet');
const pod = statefulSet?.spec.template?.spec.containers[0];

/** The variables of a pod, with $(…) filled in as Kubernetes does. */
function ofPod(name: string): Environment {
  const all: Record<string, string> = {};
  for (const { name: variable, value } of pod?.env ?? []) {
    // Its only other source is the pod's name.
    all[variable] = value?.replaceAll(/\$\((\w+)\)/g, (_, of: string) => all[of] ?? `$(${of})`) ?? name;
  }
  return all;
}

const MEMBERS: readonly (readonly [string, Environment])[] = [
  ['the image alone', ofImage],
  ...COMPOSE_MEMBERS.map(
    (name) => [`compose, ${name}`, { ...ofImage, ...compose.services[name]?.environment }] as const,
  ),
  ['systemd', variablesIn(textOf('deploy/systemd/watchraft.env'))],
  ...[0, 1, 2].map((n) => [`Kubernetes, ${n}`, { ...ofImage, ...ofPod(`watchraft-${n}`) }] as const),
];

test.each(MEMBERS)(
  '%s: the member takes its variables, each has an effect, and it may found its cluster',
  (_, environment) => {
    const runtime = { node: '', platform: '', architecture: '', version: '', commit: undefined };
    const parsed = parse([], environment, () => '', runtime);
    expect(parsed.notes.filter(({ level }) => level !== 'info')).toEqual([]);
    if (parsed.kind === 'exit') throw new Error(parsed.stderr);
    expect(bootstrapProblem(parsed.config)).toBeUndefined();
  },
);

describe('the image', () => {
  test('is built from what the build may see, on a Node that the project runs on', () => {
    const seen = [...textOf('.dockerignore').matchAll(/^!(\S+)$/gm)].map(([, path]) => path);
    const copied = [...DOCKERFILE.matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(([, paths = '']) =>
      paths.split(' '),
    );
    expect(copied.length).toBeGreaterThan(5);
    for (const path of copied) expect(existsSync(resolve(TOP, path)), path).toBe(true);
    expect(copied.filter((path) => !seen.includes(path))).toEqual([]);
    const { version, engines } = JSON.parse(textOf('package.json')) as { version: string; engines: { node: string } };
    expect(DOCKERFILE).toContain(`ARG WATCHRAFT_VERSION=${version}\n`);
    const major = Number(/^ARG NODE_IMAGE=node:(\d+)-/m.exec(DOCKERFILE)?.[1]);
    expect(major).toBeGreaterThanOrEqual(Number(/\d+/.exec(engines.node)?.[0]));
  });
});

describe('compose', () => {
  test('asks for every member in Prometheus, publishes on the loopback address only, and keeps each directory in a volume', () => {
    const { scrape_configs: scraped } = parseYaml(textOf('deploy/prometheus/prometheus.yml')) as {
      scrape_configs: { static_configs: { targets: string[] }[] }[];
    };
    const targets = scraped.flatMap(({ static_configs: all }) => all.flatMap((one) => one.targets));
    expect(targets).toEqual(COMPOSE_MEMBERS.map((name) => `${name}:2379`));
    for (const { ports } of Object.values(compose.services)) {
      for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:\$\{\w+_PORT:-\d+\}:\d+$/);
    }
    for (const name of COMPOSE_MEMBERS) {
      expect(compose.services[name]?.volumes).toEqual([`${name}:${ofImage['ETCD_DATA_DIR']}`]);
      expect(Object.keys(compose.volumes)).toContain(name);
    }
  });

  test('every variable that it takes is explained', () => {
    const readme = textOf('deploy/README.md');
    const taken = [...textOf('docker-compose.yml').matchAll(/\$\{(\w+):-/g)].map(([, name = '']) => name);
    for (const name of taken.filter((one) => one !== 'WATCHRAFT_COMMIT')) expect(readme).toContain(`\`${name}\``);
  });
});

describe('Kubernetes', () => {
  test('services and probes name ports that the pod has; all select its labels; one pod at a time may go', () => {
    const labels = { app: 'watchraft' };
    expect(statefulSet?.spec.template?.metadata).toEqual({ labels });
    expect(pod?.ports).toEqual([
      { name: 'client', containerPort: 2379 },
      { name: 'peer', containerPort: 2380 },
    ]);
    const services = manifests.filter(({ kind }) => kind === 'Service');
    expect(services.map(({ metadata }) => metadata.name)).toContain(statefulSet?.spec.serviceName);
    for (const { spec } of services) {
      expect(spec.selector).toEqual(labels);
      for (const { targetPort, port } of spec.ports ?? []) {
        expect(pod?.ports).toContainEqual({ name: targetPort, containerPort: port });
      }
    }
    expect(pod?.startupProbe.httpGet).toEqual({ path: '/readyz', port: 'client' });
    expect(pod?.readinessProbe.httpGet).toEqual({ path: '/readyz', port: 'client' });
    expect(pod?.livenessProbe.httpGet).toEqual({ path: '/livez', port: 'client' });
    expect(pod?.volumeMounts.map(({ mountPath }) => mountPath)).toEqual([ofImage['ETCD_DATA_DIR']]);
    const budget = manifests.find(({ kind }) => kind === 'PodDisruptionBudget');
    expect(budget?.spec.selector).toEqual({ matchLabels: labels });
    expect(budget?.spec.minAvailable).toBe((statefulSet?.spec.replicas ?? 0) - 1);
  });
});

test.skipIf(!hasTools('systemd-analyze'))('systemd finds nothing wrong with the unit', () => {
  const unit = resolve(TOP, 'deploy/systemd/watchraft.service');
  const { stdout, stderr } = spawnSync('systemd-analyze', ['verify', unit], { encoding: 'utf8' });
  // It looks at other units too, and for the program, which need not be at that place on this machine.
  const said = `${stdout}${stderr}`.split('\n').filter((line) => line.includes('watchraft.service'));
  expect(said.filter((line) => !line.includes('/usr/bin/node'))).toEqual([]);
});
