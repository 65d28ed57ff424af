// One run on the live wall: its title and its tiles.

import { TileView } from "efm/live_tile";
import { createTile } from "efm/tile";

/** One run's tiles. */
export class Group {
  state = "";
  frames = "waiting";
  horizon = 1;
  /** @type {import("efm/live_format").FleetFrame|null} */ frame = null;
  /** @type {Map<number, TileView>} */ tiles = new Map();

  /**
   * @param {HTMLElement} element a [data-wall-group]
   * @param {HTMLTemplateElement} template of a tile
   * @param {number} limit tiles shown at most
   */
  constructor(element, template, limit) {
    this.element = element;
    this.limit = limit;
    this.grid = element.querySelector(".wall");
    this.template = template;
    this.run = Number(element.dataset.wallGroup);
    for (const tile of this.grid.querySelectorAll(".tile")) {
      const robot = this.tiles.size;
      const view = new TileView(tile);
      tile.dataset.robot = String(robot);
      view.button.textContent = `robot ${robot}`;
      this.tiles.set(robot, view);
    }
  }

  static create(run, name, template, limit) {
    const element = document.createElement("div");
    const title = document.createElement("h2");
    const link = document.createElement("a");
    const state = document.createElement("span");
    const grid = document.createElement("div");
    element.className = "live-group";
    element.dataset.wallGroup = String(run);
    title.className = "live-run";
    state.className = "live-state";
    state.dataset.wallState = "";
    grid.className = "wall";
    link.href = `/runs/${run}/`;
    link.textContent = name;
    title.append(link, state);
    element.append(title, grid);
    return new Group(element, template, limit);
  }

  tile(robot) {
    let view = this.tiles.get(robot);
    if (!view) {
      view = new TileView(createTile(this.template, { index: robot, name: `robot ${robot}` }));
      this.tiles.set(robot, view);
      this.grid.append(view.element);
    }
    return view;
  }

  take(frame, now) {
    // Places beyond the fleet's size were a guess; the first frame knows better.
    if (!this.frame) for (const [robot, view] of this.tiles) if (robot >= frame.robots) this.#drop(robot, view);
    this.frame = frame;
    this.horizon = frame.horizon;
    for (const tile of this.shown(frame)) this.tile(tile.robot).take(frame, tile, now);
  }

  /** The tiles of a frame that have a place here. */
  shown(frame) {
    return frame.tiles.filter((tile) => tile.robot < this.limit);
  }

  #drop(robot, view) {
    view.element.remove();
    this.tiles.delete(robot);
  }

  age(now) {
    for (const view of this.tiles.values()) view.age(this, now);
    const place = this.element.querySelector("[data-wall-state]");
    const text = this.state && this.state !== "running" ? this.state : this.frames === "silent" ? "no pictures" : "";
    if (place.textContent !== text) place.textContent = text;
  }
}
