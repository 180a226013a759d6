/** All transcripts. */

import type { Transcript } from '../exchange.ts';
import { authTranscripts } from './auth.ts';
import { compactions } from './compactions.ts';
import { leaseTranscripts } from './leases.ts';
import { ranges } from './ranges.ts';
import { recipes } from './recipes.ts';
import { txns } from './txns.ts';
import { watchHistory } from './watch-history.ts';
import { watches } from './watches.ts';
import { writes } from './writes.ts';

export const transcripts: readonly Transcript[] = [
  ...ranges,
  ...writes,
  ...txns,
  ...leaseTranscripts,
  ...recipes,
  ...compactions,
  ...watches,
  ...watchHistory,
  ...authTranscripts,
];
