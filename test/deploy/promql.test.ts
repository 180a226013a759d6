import { expect, test } from 'vitest';
import { labelsIn, metricsIn } from './promql.ts';

test('of an expression the names of its metrics and labels are found, and no others', () => {
  const expression = `histogram_quantile(0.99, sum by (le, To) (rate(a_bucket{x=~"$instance", y!="n_o{"}[$__rate_interval])))
    / on (job) group_left b unless c > 1.5e3 or vector(0)`;
  expect(metricsIn(expression)).toEqual(['a_bucket', 'b', 'c']);
  expect(labelsIn('sum by (le, To) (rate(a{x=~"$instance", y!="z"}[1m])) / on (job) b')).toEqual([
    'x',
    'y',
    'le',
    'To',
    'job',
  ]);
});
