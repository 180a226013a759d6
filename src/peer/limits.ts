/** Every bound of the traffic between members, by name. */

const KiB = 1024;
const MiB = 1024 * KiB;

/** Messages gathered in one frame. A larger message goes alone. */
export const FRAME_BYTES_MAX: number = 256 * KiB;

/** The largest message that is sent at all. The server of the peer port must take messages of PEER_REQUEST_BYTES_MAX. */
export const PEER_MESSAGE_BYTES_MAX: number = 64 * MiB;
export const PEER_REQUEST_BYTES_MAX: number = PEER_MESSAGE_BYTES_MAX + MiB;

/** What waits for a peer. Beyond it messages are dropped. */
export const URGENT_QUEUE_BYTES_MAX: number = 2 * MiB;
export const BULK_QUEUE_BYTES_MAX: number = 32 * MiB;

/**
 * What has been sent and is not acknowledged. This is what an urgent message can find ahead of it, in buffers that nobody
 * can reach into any more: the less, the sooner a heartbeat arrives over a slow link; the more, the faster a distant peer catches up.
 */
export const URGENT_UNACKED_BYTES_MAX: number = MiB;
export const BULK_UNACKED_BYTES_MAX: number = 2 * MiB;

/** When a frame asks for an acknowledgement: after so much of a lane's credit, or so long after the last one that did (unacked-frames.ts). */
export const ASK_SHARE = 0.25;
export const ASK_MS = 500;

/** A link with nothing to say sends an empty frame this often: to measure the round trip, and to know that the peer is there. */
export const PROBE_MS = 2000;

/** A peer that owes acknowledgements and gives none for so long is taken for gone; the link is opened anew. */
export const SILENCE_MS_MAX = 5000;

/** How often a link looks at the two times above. */
export const CHECK_MS = 500;

/** Between attempts to reach a peer: doubled each time from the first to the second, less up to a half by chance. */
export const RECONNECT_MS_MIN = 50;
export const RECONNECT_MS_MAX = 1000;

/** How long closing waits for what has been sent to arrive. */
export const CLOSE_MS_MAX = 1000;

/** Further ones are refused: Raft tries again. */
export const SNAPSHOTS_SENT_AT_ONCE_MAX = 2;
export const SNAPSHOTS_RECEIVED_AT_ONCE_MAX = 2;

/** A snapshot of which no chunk has moved for so long is given up. */
export const SNAPSHOT_STALLED_MS_MAX = 30_000;

/** How long a peer may take to install a snapshot after its last chunk. */
export const SNAPSHOT_INSTALL_MS_MAX = 120_000;

/** Chunks that have come and were not taken yet. Beyond it the sender is held back. */
export const SNAPSHOT_BUFFERED_BYTES_MAX: number = MiB;

/** How long another member may take to say who is in the cluster. */
export const ASK_MS_MAX = 3000;

/** How long a peer may take to answer a question, and how many questions to one peer may wait for their answers: further ones fail. */
export const ANSWER_MS_MAX = 2000;
export const QUESTIONS_OPEN_MAX = 256;

/** The same trouble with the same peer is logged once in this time, and of so many troubles. */
export const COMPLAINT_MS = 60_000;
export const COMPLAINTS_MAX = 64;
