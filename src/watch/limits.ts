/** The bounds of the watch. Those marked * are etcd's, and some clients have come to rely on them. */

const KIB = 1024;
const MIB = 1024 * KIB;

/** Responses with events that wait in a stream's channel*. More: the watcher becomes a victim. */
export const CHANNEL_RESPONSES_MAX = 128;

/** Watchers that share one response. What a cancelled watcher must be taken out of is bounded by this. */
export const RESPONSE_WATCHERS_MAX = 1024;

/** Bytes of events that wait in a stream's channel. A response over it still enters an empty channel, else it could never pass. */
export const CHANNEL_BYTES_MAX: number = 8 * MIB;

/** Responses that wait in a row for the same watchers are sent as one of at most so many events, and bytes of them. */
export const GATHERED_EVENTS_MAX = 16;
export const GATHERED_BYTES_MAX: number = 64 * KIB;

/** A stream with victims says so when its channel has drained to this many responses, not at each one that leaves. */
export const CHANNEL_RESPONSES_LOW = 64;

/** Bytes of events that the victims of a stream hold in hand. A victim over it keeps only its cursor and reads its events again later. */
export const HELD_BYTES_MAX: number = 8 * MIB;

/** Watchers that are told of a revision in one piece: 1 to 2 ms. The rest hear of it in the turns that follow, which are long ones, because what was told is sent. */
export const WATCHERS_PER_TELL_MAX = 16_384;

/** Watchers that one pass of syncWatchers takes on*. */
export const WATCHERS_PER_SYNC_MAX = 512;

/** From one pass of syncWatchers to the next, unless it gets on*. */
export const SYNC_PERIOD_MS = 100;

/** Revisions, bytes and time that one pass reads from history. At least one revision is read, whatever its size. */
export const SYNC_REVISIONS_MAX = 10_000;
export const SYNC_BYTES_MAX: number = 4 * MIB;
export const SYNC_TIME_MS_MAX = 2;

/** Distinct revisions in one batch of a watcher that catches up*. */
export const BATCH_REVISIONS_MAX = 1000;

/** A batch takes no further revision once it has reached this many bytes. */
export const BATCH_BYTES_MAX: number = MIB;

/** From one pass of moveVictims to the next, unless a stream says that it has room*. */
export const VICTIM_RETRY_MS = 10;

/** Victims that one pass of moveVictims helps on. */
export const VICTIMS_PER_PASS_MAX = 512;
