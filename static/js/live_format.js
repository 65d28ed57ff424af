// Reads the binary messages of /ws/live/; the layout is written down in practice/frames/format.py.

/**
 * @typedef {Object} Outcome
 * @property {string} episode
 * @property {number} steps
 * @property {boolean|null} detector
 * @property {boolean|null} success
 */

/**
 * @typedef {Object} Tile
 * @property {number} robot
 * @property {string} instruction
 * @property {string} episode
 * @property {number} step
 * @property {number|null} distance predicted steps-to-go, control steps
 * @property {number|null} spread standard deviation of the prediction, control steps
 * @property {boolean|null} detector
 * @property {boolean|null} success
 * @property {boolean} active
 * @property {Outcome|null} last
 * @property {number[]|null} probs
 * @property {number} size pixels of the picture's side
 * @property {Uint8Array} jpeg
 */

/**
 * @typedef {Object} FleetFrame
 * @property {number} run
 * @property {number} number
 * @property {number} captured_at seconds since the epoch, by the clock of the fleet's host
 * @property {number} iteration
 * @property {number} robots
 * @property {number} horizon
 * @property {number|null} threshold
 * @property {number[]|null} centres
 * @property {Tile[]} tiles
 */

export const VERSION = 1;

/**
 * The frame in a message.
 * @param {ArrayBuffer} buffer
 * @returns {FleetFrame}
 * @throws {RangeError} it is not such a message
 */
export function unpack(buffer) {
  if (buffer.byteLength < 4) throw new RangeError("A frame has at least 4 bytes.");
  const length = new DataView(buffer).getUint32(0, true);
  if (4 + length > buffer.byteLength) throw new RangeError("A frame's header does not fit.");
  const frame = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  if (frame.version !== VERSION) throw new RangeError(`Frames of version ${frame.version} came; reload the page.`);
  let offset = 4 + length;
  for (const tile of frame.tiles) {
    tile.jpeg = new Uint8Array(buffer, offset, tile.bytes);
    offset += tile.bytes;
  }
  return frame;
}
