/**
 * The metrics library behind few verbs of ours, and the only file that knows it. (prom-client is 15.1.3, the last under that name;
 * its successor is @prometheus-io/client, which wants Node 22.)
 *
 * Two kinds of metric. What somewhere is known as a number is read when Prometheus asks, and costs nothing until then. What is a
 * distribution is observed as it happens, without the library (histogram.ts).
 */

import { Counter, Gauge, Registry } from 'prom-client';
import { Histogram } from './histogram.ts';

/** Label values in the order of the metric's label names, and the value. */
export type Sample = readonly [labels: readonly string[], value: number];

export interface Family {
  readonly name: string;
  readonly help: string;
}

/** Takes one measurement, in the unit that the metric's name ends with. */
export type Observe = (value: number, times?: number) => void;

/** A slice of rendering. A scrape waits for the writes, never they for it. */
const SLICE_MS = 4;

/** One line of a table: its labels never change, its number is read. */
export interface Row {
  readonly labels: Readonly<Record<string, string>>;
  readonly read: () => number;
}

export class MetricRegistry {
  readonly #registry = new Registry();
  /** Each renders one family, in the order of the text. */
  readonly #families: (() => string | Promise<string>)[] = [];

  /** Of the text that render() gives. */
  readonly contentType: string = Registry.PROMETHEUS_CONTENT_TYPE;

  /** A number that is read when asked for. */
  reading(type: 'counter' | 'gauge', family: Family, read: () => number): void {
    this.readings(type, family, [], () => [[[], read()]]);
  }

  /** Numbers under labels, read when asked for. */
  readings(
    type: 'counter' | 'gauge',
    family: Family,
    labelNames: readonly string[],
    read: () => Iterable<Sample>,
  ): void {
    this.#library(family);
    const options = { ...family, labelNames: [...labelNames], registers: [this.#registry] };
    if (type === 'gauge') {
      const gauge: Gauge = new Gauge({
        ...options,
        collect: () => {
          gauge.reset();
          for (const [values, value] of read()) gauge.set(labelled(labelNames, values), value);
        },
      });
      return;
    }
    const counter: Counter = new Counter({
      ...options,
      collect: () => {
        counter.reset();
        for (const [values, value] of read()) counter.inc(labelled(labelNames, values), value);
      },
    });
  }

  /**
   * Counters whose label sets are all known from the start. The gRPC table has a thousand of them, which the library would
   * take 10 ms to print; with the labels printed once it takes a fraction of one.
   */
  table(family: Family, rows: readonly Row[]): void {
    const head = headOf(family, 'counter');
    const lines = rows.map(({ labels, read }) => ({ start: `\n${family.name}{${printed(labels)}} `, read }));
    this.#families.push(() => {
      let text = head;
      for (const { start, read } of lines) text += start + read();
      return text;
    });
  }

  histogram(family: Family, buckets: readonly number[]): Observe {
    return this.histograms(family, [], buckets)();
  }

  /** Gives the Observe of given label values, which is made once. Keep it: looking it up costs more than observing. */
  histograms(
    family: Family,
    labelNames: readonly string[],
    buckets: readonly number[],
  ): (...labels: string[]) => Observe {
    const children = new Map<string, Histogram>();
    this.#families.push(() => {
      const lines = [...children].flatMap(([labels, child]) => child.lines(family.name, labels));
      return [headOf(family, 'histogram'), ...lines].join('\n');
    });
    return (...values) => {
      const labels = printed(labelled(labelNames, values));
      let child = children.get(labels);
      if (child === undefined) children.set(labels, (child = new Histogram(buckets)));
      const histogram = child;
      return (value, times) => histogram.observe(value, times);
    };
  }

  /** All metrics in Prometheus's text format, made in slices. */
  async render(): Promise<string> {
    const parts: string[] = [];
    let until = performance.now() + SLICE_MS;
    for (const family of this.#families) {
      parts.push(await family());
      if (performance.now() < until) continue;
      await new Promise((resolve) => setImmediate(resolve));
      until = performance.now() + SLICE_MS;
    }
    return `${parts.join('\n')}\n`;
  }

  #library(family: Family): void {
    this.#families.push(() => this.#registry.getSingleMetricAsString(family.name));
  }
}

function labelled(names: readonly string[], values: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name, at) => [name, values[at] ?? '']));
}

/** 'op="Put",success="true"' */
function printed(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escaped(value)}"`)
    .join(',');
}

function headOf({ name, help }: Family, type: 'counter' | 'histogram'): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}`;
}

const escaped = (value: string): string => value.replace(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`));
