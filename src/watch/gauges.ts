/** Numbers of the watch for whoever exports them; kept as plain numbers by those who change them. */
export interface WatchGauges {
  watchStreams: number;
  watchers: number;
  /** Watchers that are behind: unsynced and victims. */
  slowWatchers: number;
  /** Events that wait in channels: up when a response enters one, down when it leaves. */
  pendingEvents: number;
  /** Events taken from channels to be sent, since the start. */
  eventsTotal: number;
}
