/** Puts to one member: one client alone, and a hundred connections with ten calls in flight each. */

import { eventLoopHold } from './event-loop-hold.ts';
import { type Clients, putRows } from './put-run.ts';
import type { Measured } from './sample.ts';
import type { Work } from './work.ts';

const SECONDS = 4;

/** The many come first: they warm the server up for the one, who alone would take minutes to. */
const CLIENTS: readonly Clients[] = [
  {
    name: 'puts, 100 connections x 10 in flight',
    connections: 100,
    inFlightPerConnection: 10,
    isTimed: false,
    goal: 5,
  },
  { name: 'puts, 1 client', connections: 1, inFlightPerConnection: 1, isTimed: true, goal: 1.3 },
];

export const puts: Work = {
  name: 'puts',
  run(stage) {
    return stage.withServer(async (server) => {
      const measured: Measured[] = [];
      for (const clients of CLIENTS) {
        measured.push(...(await putRows(stage, { port: server.port, server }, clients, SECONDS)));
      }
      return [...measured, ...(await eventLoopHold(server, 'puts'))];
    });
  },
};
