export { connect } from "./client.js";
export type * from "./types.js";
export type * from "./events.generated.js";
export type { Environment, WebSocketLike, ChannelLike, LocksLike, StorageLike } from "./environment.js";
