/** A piece of work that the bench gives to one server, a round at a time, and what it may use for that. */

import type { BenchCluster } from './bench-cluster.ts';
import type { Measured } from './sample.ts';
import type { BenchServer, Side } from './server-process.ts';

export interface Work {
  /** For --only. */
  readonly name: string;
  /** Fewer rounds than asked for, where a round takes long. */
  readonly roundsMax?: number;
  /** For a work that is no race. */
  readonly onlySide?: Side;
  /** One round on one side, which is alone on the machine meanwhile. Throws if anything fails or an answer is wrong. */
  run(stage: Stage): Promise<Measured[]>;
}

/** What a round stands on. */
export interface Stage {
  readonly side: Side;
  /** Everything tiny: it is to be seen that it works, not how fast. */
  readonly isQuick: boolean;
  /** How many keys the start-up work loads. */
  readonly keys: number;
  /** Makes the file and gives its path; it is gone after the round. */
  file(name: string, bytes: Uint8Array): Promise<string>;
  /** Runs `use` with a server on an empty data directory; both are gone after it. */
  withServer<T>(use: (server: BenchServer) => Promise<T>): Promise<T>;
  /** The same with a server that has a second port, which speaks TLS. */
  withTlsServer<T>(use: (server: BenchServer, tlsPort: number) => Promise<T>): Promise<T>;
  /** The same with three members. */
  withCluster<T>(use: (cluster: BenchCluster) => Promise<T>): Promise<T>;
  /** The same on a data directory that stays for all rounds of this side. */
  withServerOn<T>(dataDirName: string, use: (server: BenchServer) => Promise<T>): Promise<T>;
}
