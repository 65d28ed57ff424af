// A socket that comes back: waits a little longer after each failure, and gives up only when it is told to stay away.

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;
const REFUSALS = { 4401: "You are signed out; sign in again.", 4403: "You may not see this.", 4404: "This is not there any more." };

/**
 * @typedef {Object} Handlers
 * @property {(socket: WebSocket) => void} [onOpen]
 * @property {(data: string|ArrayBuffer) => void} onMessage
 * @property {(text: string) => void} [onLost] it will come back
 * @property {(text: string) => void} [onRefused] it will not
 */

/**
 * Open a socket of this site and keep it open.
 * @param {string} path as "/ws/live/?run=3"
 * @param {Handlers} handlers
 * @returns {{send: (words: object) => void, close: () => void}}
 */
export function openSocket(path, handlers) {
  const url = new URL(path, location.href);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  let socket = null;
  let timer = 0;
  let failures = 0;
  let ended = false;

  function lost(event) {
    if (ended) return;
    if (event.code in REFUSALS) {
      ended = true;
      handlers.onRefused?.(event.reason || REFUSALS[event.code]);
      return;
    }
    handlers.onLost?.("The connection is lost; trying again.");
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** failures, LONGEST_PAUSE_MS) * (0.5 + Math.random());
    failures += 1;
    timer = setTimeout(open, pause);
  }

  function open() {
    const mine = new WebSocket(url);
    socket = mine;
    mine.binaryType = "arraybuffer";
    mine.addEventListener("open", () => handlers.onOpen?.(mine));
    mine.addEventListener("message", (event) => {
      failures = 0;
      if (!ended) handlers.onMessage(event.data);
    });
    mine.addEventListener("close", lost);
  }

  open();
  return {
    send(words) {
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(words));
    },
    close() {
      ended = true;
      clearTimeout(timer);
      socket.close();
    },
  };
}
