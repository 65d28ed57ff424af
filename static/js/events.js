// Hints that rows have changed. Rows are the truth: whoever listens must be able to read them again, which is what
// `onGap` asks for: once at the start (the page may be older than the subscription) and whenever a number is missing.
//   const leave = connect(["overview", "run.3"], (message) => …, (topic) => …);

import { openSocket } from "efm/live_socket";

/**
 * @typedef {Object} Message
 * @property {string} topic
 * @property {number} number grows by one per topic
 * @property {string} event as "run_changed"; all of them stand in practice/events.py
 * @property {Object} data
 */

/** Follows the numbers of topics. */
export class Numbers {
  #last = new Map();

  /** The server has subscribed us; `number` is that of the newest event. Whether something may have been missed. */
  joined(topic, number) {
    const missed = this.#last.get(topic) !== number;
    this.#last.set(topic, number);
    return missed;
  }

  /** An event came: "next", "again" (seen before) or "gap" (others are missing, or the count began anew). */
  came(topic, number) {
    const last = this.#last.get(topic);
    this.#last.set(topic, number);
    if (number === last) return "again";
    return number === last + 1 ? "next" : "gap";
  }
}

/**
 * Listen to topics until the returned function is called.
 * @param {string[]} topics
 * @param {(message: Message) => void} onEvent
 * @param {(topic: string) => void} onGap read again what the page shows of this topic
 * @param {(state: "open"|"lost"|"refused", text: string) => void} [onState]
 * @returns {() => void}
 */
export function connect(topics, onEvent, onGap, onState = () => {}) {
  const numbers = new Numbers();

  function onMessage(text) {
    const message = JSON.parse(text);
    if (message.subscribed) {
      if (numbers.joined(message.subscribed, message.number)) onGap(message.subscribed);
      return;
    }
    if (message.type === "error") {
      console.warn(message.text);
      return;
    }
    const how = numbers.came(message.topic, message.number);
    if (how === "again") return;
    if (how === "gap") onGap(message.topic);
    onEvent(message);
  }

  const socket = openSocket("/ws/events/", {
    onOpen: (open) => {
      open.send(JSON.stringify({ subscribe: topics }));
      onState("open", "");
    },
    onMessage,
    onLost: (text) => onState("lost", text),
    onRefused: (text) => onState("refused", text),
  });
  return () => socket.close();
}
