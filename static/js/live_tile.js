// One robot's place on the wall: picture, numbers, marks, how its last episodes ended, and whether it needs a look.

import { reach, Robot, verdictOf } from "efm/live_robot";
import { updateAge, updateTile } from "efm/tile";

/** @typedef {import("efm/live_format").Tile} Tile */
/** @typedef {import("efm/live_format").FleetFrame} FleetFrame */

const SILENT_MS = 2000;

/** Put a canvas where the kit's tile has its <img>: a canvas takes decoded pictures without a flicker. */
export function canvasIn(element, label = "") {
  const image = element.querySelector("[data-tile-image]");
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 192;
  canvas.dataset.tileImage = "";
  if (label) {
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", label);
  } else {
    canvas.setAttribute("aria-hidden", "true");
  }
  image.replaceWith(canvas);
  return canvas;
}

/** Draw a decoded picture, as many pixels as it has. */
export function paint(canvas, bitmap) {
  if (canvas.width !== bitmap.width) canvas.width = canvas.height = bitmap.width;
  canvas.getContext("2d", { alpha: false }).drawImage(bitmap, 0, 0);
}

/** What updateTile wants to know about a robot's newest frame. */
export function newsOf(/** @type {FleetFrame} */ frame, /** @type {Robot} */ robot, now) {
  const { tile, history } = robot;
  return {
    instruction: tile.instruction,
    step: tile.step,
    horizon: frame.horizon,
    distance: tile.distance,
    spread: tile.spread,
    threshold: frame.threshold,
    history,
    probs: tile.probs,
    centres: frame.centres,
    ...robot.marks(now),
  };
}

export class TileView {
  robot = new Robot();
  needs = "";
  #canvas;
  #outcomes;
  #needsMark;
  #drawnOutcomes = "";

  /** @param {HTMLElement} element a .tile of the page */
  constructor(element) {
    this.element = element;
    this.#canvas = canvasIn(element);
    this.#needsMark = document.createElement("span");
    this.#needsMark.className = "live-needed";
    this.#needsMark.hidden = true;
    element.querySelector(".tile-view").append(this.#needsMark);
    this.#outcomes = document.createElement("span");
    this.#outcomes.className = "live-outcomes";
    this.#outcomes.setAttribute("role", "img");
    this.#outcomes.setAttribute("aria-label", "No episode has ended yet");
    element.querySelector(".tile-foot").append(this.#outcomes);
    this.button = element.querySelector("[data-tile-name]");
  }

  get name() {
    return this.button.textContent;
  }

  /** Take in the newest frame: numbers at once; the picture comes through `show` when it is decoded. */
  take(frame, tile, now) {
    this.robot.take(tile, now);
    this.element.dataset.reach = reach(tile.distance, frame.threshold);
    updateTile(this.element, newsOf(frame, this.robot, now));
    this.#drawOutcomes();
  }

  show(bitmap) {
    paint(this.#canvas, bitmap);
  }

  /**
   * Half a second has passed: how old is the picture, does anybody have to look?
   * @param {{state: string, horizon: number}} fleet
   */
  age(fleet, now) {
    const ageMs = now - this.robot.arrivedAt;
    const running = fleet.state === "" || fleet.state === "running";
    const known = this.robot.tile !== null;
    const stale = known && ageMs > SILENT_MS;
    const state = !running ? "stopped" : !known ? "waiting" : stale ? "stale" : "live";
    // A live picture's age flickers between nothing and a tenth of a second; only a standing one tells something.
    updateAge(this.element, { state, ageMs: stale && running ? ageMs : null });
    this.needs = running && known ? this.robot.needs({ horizon: fleet.horizon, silent: stale }) : "";
    this.#needsMark.hidden = !this.needs;
    if (this.#needsMark.textContent !== this.needs) this.#needsMark.textContent = this.needs;
  }

  #drawOutcomes() {
    const outcomes = this.robot.outcomes;
    const key = outcomes.map((each) => each.episode).join();
    if (key === this.#drawnOutcomes) return;
    this.#drawnOutcomes = key;
    const verdicts = outcomes.map(verdictOf);
    this.#outcomes.replaceChildren(
      ...verdicts.map(({ shape }) => {
        const dot = document.createElement("i");
        dot.dataset.shape = shape;
        return dot;
      }),
    );
    const won = verdicts.filter(({ shape }) => shape === "success").length;
    const words = `Last ${outcomes.length}: ${won} succeeded. Newest: ${verdicts.at(-1).text}`;
    this.#outcomes.setAttribute("aria-label", words);
    this.#outcomes.title = words;
  }
}
