/** What Prometheus's libraries tell of any process, under their names, and etcd's two of file descriptors. Linux only: elsewhere 0. */

import { readdirSync, readFileSync } from 'node:fs';
import type { MetricRegistry } from './metric-registry.ts';

export function registerProcessMetrics(registry: MetricRegistry): void {
  const startedSeconds = performance.timeOrigin / 1000;
  registry.reading(
    'counter',
    { name: 'process_cpu_seconds_total', help: 'Processor time used by the process.' },
    () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    },
  );
  registry.reading('gauge', { name: 'process_max_fds', help: 'Limit of open file descriptors.' }, descriptorLimit);
  registry.reading('gauge', { name: 'process_open_fds', help: 'Open file descriptors.' }, descriptorsOpen);
  registry.reading('gauge', { name: 'process_resident_memory_bytes', help: 'Memory of the process in RAM.' }, () =>
    process.memoryUsage.rss(),
  );
  registry.reading(
    'gauge',
    { name: 'process_start_time_seconds', help: 'Unix time of the start.' },
    () => startedSeconds,
  );
  registry.reading(
    'gauge',
    { name: 'process_virtual_memory_bytes', help: 'Address space of the process.' },
    virtualBytes,
  );
  registry.reading('gauge', { name: 'os_fd_limit', help: 'Limit of open file descriptors.' }, descriptorLimit);
  registry.reading('gauge', { name: 'os_fd_used', help: 'Open file descriptors.' }, descriptorsOpen);
}

function descriptorsOpen(): number {
  return orZero(() => readdirSync('/proc/self/fd').length);
}

function descriptorLimit(): number {
  return orZero(() => {
    const limit = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
    return limit === 'unlimited' ? Number.MAX_SAFE_INTEGER : Number(limit ?? 0);
  });
}

function virtualBytes(): number {
  return orZero(
    () => 1024 * Number(/^VmSize:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? 0),
  );
}

/** The number, or 0 where there is no /proc. */
function orZero(read: () => number): number {
  try {
    return read();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}
