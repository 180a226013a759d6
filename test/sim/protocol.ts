/** What a campaign and the processes that simulate for it say to each other. */

/** Said once by the process, when the code is loaded. */
export const LOADED = 'loaded';

/** What is to be simulated. */
export interface Task {
  readonly seed: number;
  readonly faults: boolean;
  readonly keepsTrace: boolean;
}

/** How it went. */
export interface Report {
  readonly seed: number;
  readonly violation: string | undefined;
  readonly counts: Readonly<Record<string, number>>;
  /** Of the trace: a number made of all of it, and its end; all of it if that was asked for. */
  readonly digest: number;
  readonly lines: readonly string[];
}
