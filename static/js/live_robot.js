// What a wall knows of one robot beyond its newest frame: this episode's d, how the last ones ended, whether it needs a look.

/** @typedef {import("efm/live_format").Tile} Tile */
/** @typedef {import("efm/live_format").Outcome} Outcome */

const OUTCOMES_KEPT = 8;
const HOLD_MS = 900;
const STALLED_SHARE = 0.25;
const STALLED_LEAST = 12;

export class Robot {
  /** @type {Tile|null} */ tile = null;
  /** @type {number[]} d(o, g) per step of this episode, from the first step seen */ history = [];
  /** @type {Outcome[]} oldest first */ outcomes = [];
  arrivedAt = -Infinity;
  #firstStep = 0;
  #best = Infinity;
  #bestStep = 0;
  #endedAt = -Infinity;

  /**
   * Take in the newest frame.
   * @param {Tile} tile
   * @param {number} now milliseconds
   */
  take(tile, now) {
    const before = this.tile;
    if (tile.last && tile.last.episode !== this.outcomes.at(-1)?.episode) {
      this.outcomes = [...this.outcomes, tile.last].slice(-OUTCOMES_KEPT);
      if (before) this.#endedAt = now;
    }
    if (before?.episode !== tile.episode || tile.step < before.step) {
      this.history = [];
      this.#firstStep = tile.step;
      this.#best = Infinity;
      this.#bestStep = tile.step;
    }
    this.#extend(tile);
    this.tile = tile;
    this.arrivedAt = now;
  }

  /** Steps between two frames are drawn straight: a fast loop shows only some of its ticks. */
  #extend({ step, distance }) {
    if (distance === null) return;
    const at = step - this.#firstStep;
    const from = this.history.length;
    const start = this.history.at(-1) ?? distance;
    for (let i = from; i <= at; i += 1) this.history.push(start + ((distance - start) * (i - from + 1)) / (at - from + 1));
    // Half a step of noise is no progress.
    if (distance < this.#best - 0.5) {
      this.#best = distance;
      this.#bestStep = step;
    }
  }

  /**
   * The marks to show: those of the episode that has just ended stay for a moment, for its last frame is soon gone.
   * @returns {{detector: boolean|null, success: boolean|null}}
   */
  marks(now) {
    const ended = now - this.#endedAt < HOLD_MS ? this.outcomes.at(-1) : null;
    return {
      detector: ended ? ended.detector : (this.tile?.detector ?? null),
      success: ended ? ended.success : (this.tile?.success ?? null),
    };
  }

  /**
   * Why a person should look, or "".
   * @param {{horizon: number, silent: boolean}} fleet
   */
  needs({ horizon, silent }) {
    if (silent) return "silent";
    const tile = this.tile;
    if (!tile?.active || tile.distance === null || tile.detector || tile.success) return "";
    const still = tile.step - this.#bestStep;
    return still >= Math.max(STALLED_SHARE * horizon, STALLED_LEAST) ? `stalled for ${still} steps` : "";
  }
}

/**
 * How an episode ended, as a shape and words.
 * @param {Outcome} outcome
 * @returns {{shape: "success"|"doubt"|"failure", text: string}}
 */
export function verdictOf({ detector, success, steps }) {
  const agreed = success === null || detector === null || success === detector;
  if (!agreed) return { shape: "doubt", text: `${detector ? "detector alone" : "missed by the detector"}, ${steps} steps` };
  return (success ?? detector) ? { shape: "success", text: `success, ${steps} steps` } : { shape: "failure", text: `no success, ${steps} steps` };
}

/**
 * Where d lies relative to the threshold s.
 * @returns {"inside"|"near"|"far"|""}
 */
export function reach(distance, threshold) {
  if (distance === null || threshold === null) return "";
  if (distance <= threshold) return "inside";
  return distance <= 3 * threshold ? "near" : "far";
}
