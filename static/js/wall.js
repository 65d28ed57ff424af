// The live wall. Mounts on every [data-wall]: one socket, a group of tiles per run, one robot looked at closely.
// Arrows walk the tiles, Enter opens one, Escape goes back. Nothing is fetched or drawn while the tab is hidden.

import { register } from "efm/keys";
import { unpack } from "efm/live_format";
import { Group } from "efm/live_group";
import { openSocket } from "efm/live_socket";
import { canvasIn, newsOf, paint } from "efm/live_tile";
import { updateAge, updateTile } from "efm/tile";

const AGE_EVERY_MS = 500;
const CALM_EVERY_MS = 500;
const NAMED_AT_MOST = 4;
const SIZE_KEY = "efm-wall-size";
const calm = matchMedia("(prefers-reduced-motion: reduce)");

class Wall {
  /** @type {Map<number, Group>} */ #groups = new Map();
  /** @type {{run: number, robot: number}|null} */ #focus = null;
  #socket = null;
  #received = 0;
  #paintedAt = -Infinity;
  #refused = "";

  constructor(root) {
    this.root = root;
    this.template = root.querySelector("[data-wall-tile]");
    this.limit = Number(root.dataset.tiles);
    this.needs = root.querySelector("[data-wall-needs]");
    this.place = root.querySelector("[data-wall-groups]");
    this.panel = root.querySelector("[data-wall-focus]");
    this.close = this.panel.querySelector("[data-tile-focus]");
    this.canvas = canvasIn(this.close, "Newest frame of the robot");
    for (const element of root.querySelectorAll("[data-wall-group]")) {
      const group = new Group(element, this.template, this.limit);
      this.#groups.set(group.run, group);
    }
    this.#resize(readSize());
    this.#listen();
    this.#visibility();
    setInterval(() => this.#age(), AGE_EVERY_MS);
  }

  #listen() {
    this.root.addEventListener("click", (event) => {
      const size = event.target.closest("[data-wall-size]");
      const tile = event.target.closest(".tile");
      if (size) this.#resize(size.dataset.wallSize);
      else if (event.target.closest("[data-wall-leave]")) this.#leave();
      else if (event.target.closest("[data-wall-go]")) this.#look(...event.target.closest("[data-wall-go]").dataset.wallGo.split(".").map(Number));
      else if (tile) this.#look(Number(tile.closest("[data-wall-group]").dataset.wallGroup), Number(tile.dataset.robot));
    });
    this.place.addEventListener("keydown", (event) => this.#walk(event));
    register({ keys: "Escape", label: "Back to the wall", group: "Wall", run: () => this.#leave() });
    document.addEventListener("visibilitychange", () => this.#visibility());
  }

  #visibility() {
    if (document.visibilityState === "visible" && !this.#socket && !this.#refused) this.#open();
    else if (document.visibilityState === "hidden" && this.#socket) {
      this.#socket.close();
      this.#socket = null;
    }
  }

  #open() {
    const run = this.root.dataset.run;
    this.#socket = openSocket(run ? `/ws/live/?run=${encodeURIComponent(run)}` : "/ws/live/", {
      onOpen: () => {
        this.#received = 0;
        if (this.#focus) this.#socket.send({ focus: this.#focus });
      },
      onMessage: (data) => (typeof data === "string" ? this.#hear(JSON.parse(data)) : this.#show(unpack(data))),
      onRefused: (text) => {
        this.#refused = text;
        this.#age();
      },
    });
  }

  #hear(note) {
    if (note.type === "status") {
      const group = this.#groups.get(note.run);
      if (group) Object.assign(group, { state: note.state, frames: note.frames });
    } else if (note.type === "runs") {
      this.#follow(note.runs);
    } else if (note.type === "error") {
      console.warn(note.text);
    }
  }

  /** What is over keeps its last pictures until others take their place, or while somebody looks at one closely. */
  #follow(runs) {
    for (const run of runs) this.#group(run.id, run.name).state = run.state;
    const running = new Set(runs.map(({ id }) => id));
    for (const [id, group] of this.#groups) {
      if (running.has(id)) continue;
      group.state = "over";
      if (!runs.length || this.#focus?.run === id) continue;
      group.element.remove();
      this.#groups.delete(id);
    }
    if (runs.length) document.querySelector("[data-wall-empty]")?.remove();
  }

  #group(run, name = `Run ${run}`) {
    let group = this.#groups.get(run);
    if (!group) {
      group = Group.create(run, name, this.template, this.limit);
      this.#groups.set(run, group);
      this.place.append(group.element);
    }
    return group;
  }

  /** Numbers first, then pictures; only when they are drawn the server hears that the frame has come. */
  async #show(frame) {
    const socket = this.#socket;
    const now = performance.now();
    const group = this.#group(frame.run);
    group.take(frame, now);
    const near = this.#focus?.run === frame.run ? frame.tiles.find((tile) => tile.robot === this.#focus.robot) : null;
    if (near) updateTile(this.close, newsOf(frame, group.tile(near.robot).robot, now));
    this.#received += 1;
    const count = this.#received;
    if (!calm.matches || now - this.#paintedAt >= CALM_EVERY_MS) {
      this.#paintedAt = now;
      await Promise.all(group.shown(frame).map((tile) => this.#paint(group, tile, tile === near)));
    }
    if (socket === this.#socket) socket?.send({ seen: count });
  }

  async #paint(group, tile, near) {
    const bitmap = await createImageBitmap(new Blob([tile.jpeg], { type: "image/jpeg" }));
    group.tile(tile.robot).show(bitmap);
    if (near && this.#focus?.robot === tile.robot) paint(this.canvas, bitmap);
    bitmap.close();
  }

  #look(run, robot) {
    const view = this.#groups.get(run)?.tiles.get(robot);
    if (!view) return;
    this.#mark(null);
    this.#focus = { run, robot };
    this.#mark("true");
    this.panel.hidden = false;
    this.panel.querySelector("[data-wall-focus-name]").textContent = view.name;
    const frame = this.#groups.get(run).frame;
    if (frame && view.robot.tile) updateTile(this.close, newsOf(frame, view.robot, performance.now()));
    this.#socket?.send({ focus: this.#focus });
    this.#age();
    this.panel.scrollIntoView({ block: "start" });
  }

  #leave() {
    if (!this.#focus) return;
    const view = this.#groups.get(this.#focus.run)?.tiles.get(this.#focus.robot);
    this.#mark(null);
    this.#focus = null;
    this.panel.hidden = true;
    this.#socket?.send({ focus: null });
    view?.button.focus();
  }

  #mark(current) {
    const element = this.#focus && this.#groups.get(this.#focus.run)?.tiles.get(this.#focus.robot)?.element;
    if (!element) return;
    if (current) element.setAttribute("aria-current", current);
    else element.removeAttribute("aria-current");
  }

  /** Arrows go to the tile that lies that way. */
  #walk(event) {
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const way = arrows[event.key];
    const here = event.target.closest?.(".tile");
    if (!way || !here || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const all = [...this.place.querySelectorAll(".tile")];
    const at = all.indexOf(here);
    const top = here.offsetTop;
    const columns = Math.max(all.filter((tile) => tile.offsetTop === top).length, 1);
    const next = all[Math.min(Math.max(at + way[0] + way[1] * columns, 0), all.length - 1)];
    next.querySelector("[data-tile-name]").focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  }

  #resize(size) {
    for (const button of this.root.querySelectorAll("[data-wall-size]")) button.setAttribute("aria-pressed", String(button.dataset.wallSize === size));
    this.place.dataset.size = size;
    try {
      localStorage.setItem(SIZE_KEY, size);
    } catch {
      // Nothing keeps it; this page still has it.
    }
  }

  #age() {
    if (document.visibilityState === "hidden") return;
    const now = performance.now();
    for (const group of this.#groups.values()) group.age(now);
    const near = this.#focus && this.#groups.get(this.#focus.run)?.tiles.get(this.#focus.robot);
    if (near) {
      const ageMs = near.robot.tile ? now - near.robot.arrivedAt : null;
      updateAge(this.close, { state: near.element.dataset.state, ageMs });
      this.panel.querySelector("[data-wall-focus-needs]").textContent = near.needs;
    }
    this.#tell();
  }

  /** One calm line above the wall: who needs a look, worst first. */
  #tell() {
    const waiting = [...this.#groups.values()].flatMap((group) =>
      [...group.tiles.entries()].filter(([, view]) => view.needs).map(([robot, view]) => ({ group, robot, view })),
    );
    // A whole wall gone silent is one matter, not one per robot.
    const silent = waiting.length > 0 && this.#size() === waiting.filter(({ view }) => view.needs === "silent").length;
    if (silent) waiting.length = 0;
    const headline = silent ? "No pictures are coming; the newest ones stay" : this.#headline(waiting.length);
    const rank = ({ view }) => (view.needs === "silent" ? Infinity : Number.parseInt(view.needs.replace(/\D+/g, ""), 10));
    waiting.sort((a, b) => rank(b) - rank(a));
    const named = waiting.slice(0, NAMED_AT_MOST);
    const key = `${headline}|${named.map(({ group, robot }) => `${group.run}.${robot}`)}`;
    if (this.needs.dataset.shown === key) return;
    this.needs.dataset.shown = key;
    this.needs.toggleAttribute("data-attention", silent || waiting.length > 0);
    const buttons = named.map(({ group, robot, view }) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "live-go";
      button.dataset.wallGo = `${group.run}.${robot}`;
      button.textContent = view.name;
      button.title = view.needs;
      return button;
    });
    this.needs.replaceChildren(headline, ...buttons);
  }

  /** Tiles with a robot in them. */
  #size() {
    return [...this.#groups.values()].reduce((sum, { frame, tiles }) => sum + (frame ? tiles.size : 0), 0);
  }

  #headline(count) {
    if (this.#refused) return this.#refused;
    const groups = [...this.#groups.values()];
    const alive = groups.filter(({ frame }) => frame);
    const robots = alive.reduce((sum, { frame }) => sum + frame.robots, 0);
    const shown = this.#size();
    if (groups.length && groups.every(({ state }) => state && state !== "running")) return "Not running; these are the last pictures";
    if (!robots) return groups.length ? "Waiting for the first pictures" : "Nothing is running";
    const which = shown < robots ? `${shown} of ${robots} robots shown` : `${robots} robots`;
    if (!count) return `${which}, none needs a look`;
    return `${which}, ${count} ${count === 1 ? "needs" : "need"} a look`;
  }
}

function readSize() {
  try {
    return localStorage.getItem(SIZE_KEY) ?? "medium";
  } catch {
    return "medium";
  }
}

for (const root of document.querySelectorAll("[data-wall]")) new Wall(root);
