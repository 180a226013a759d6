/** The files of deploy/, as the tests read them. */

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parse } from 'yaml';

export const TOP: string = resolve(import.meta.dirname, '../..');

export function textOf(path: string): string {
  return readFileSync(resolve(TOP, path), 'utf8');
}

export interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export function alerts(): readonly Alert[] {
  const { groups } = parse(textOf('deploy/prometheus/rules/watchraft.yml')) as { groups: { rules: Alert[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly datasource?: { readonly uid: string };
  readonly targets?: readonly { readonly refId: string; readonly expr: string }[];
}

export function panels(): readonly Panel[] {
  return (JSON.parse(textOf('deploy/grafana/dashboards/watchraft.json')) as { panels: Panel[] }).panels;
}
