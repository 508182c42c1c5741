/**
 * The WebSocket subprotocol of viewers that cannot see why an upgrade is refused, which no browser shows to a page. Who offers it
 * is let in all the same, gets the error's body in one text frame, and is closed with 4000. Consoles speak in binary frames alone.
 */
export const refusalProtocol = 'nakhoda.refusals';
