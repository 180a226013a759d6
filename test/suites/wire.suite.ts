/**
 * What every gRPC server behind the wire port must do: call wireSuite with a way to make one. The calls go over real
 * sockets, from a client of another make than the server where there is one.
 */

import type { MakeServer } from '../support/wire-fixture.ts';
import { wireCallsSuite } from './wire-calls.suite.ts';
import { wireEndsSuite } from './wire-ends.suite.ts';
import { wireStreamsSuite } from './wire-streams.suite.ts';

export function wireSuite(name: string, makeServer: MakeServer): void {
  wireCallsSuite(name, makeServer);
  wireStreamsSuite(name, makeServer);
  wireEndsSuite(name, makeServer);
}
