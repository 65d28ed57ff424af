// One robot on the live wall: fills the places of partials/tile.html and partials/tile_focus.html.
//   const tile = createTile(document.getElementById("tile-template"), { index: 3, name: "robot 3" });
//   updateTile(tile, { step, horizon, distance, spread, history, threshold, detector, success, ageMs, state, instruction, probs, centres })
// Fields that are left out stay as they are; null says "not known".

import { drawDistribution, drawSpark, formatNumber } from "efm/spark";

const parts = new WeakMap();

function places(element) {
  if (!parts.has(element)) {
    const found = {};
    for (const each of element.querySelectorAll("*")) {
      for (const key of Object.keys(each.dataset)) if (key.startsWith("tile")) found[key.slice(4).toLowerCase()] = each;
    }
    parts.set(element, found);
  }
  return parts.get(element);
}

function write(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

/** Clone the tile of a <template>. */
export function createTile(template, { index, name }) {
  const tile = template.content.firstElementChild.cloneNode(true);
  tile.dataset.robot = index;
  write(places(tile).name, name);
  return tile;
}

/** Write how old the newest frame is, and whether the tile is live, stale, waiting or stopped. */
export function updateAge(element, { ageMs = null, state }) {
  if (element.dataset.state !== state) element.dataset.state = state;
  const age = ageMs === null ? state : ageMs < 950 ? `${Math.max(Math.round(ageMs / 10) * 10, 0)} ms` : `${(ageMs / 1000).toFixed(ageMs < 9950 ? 1 : 0)} s`;
  write(places(element).age, age);
}

function outcome(value) {
  return value === null ? "not known" : value ? "✓ success" : "not yet";
}

function updateOutcome(element, found, { detector, success }) {
  if (detector !== undefined) {
    element.dataset.detector = String(detector);
    write(found.detector, outcome(detector));
  }
  if (success !== undefined) {
    element.dataset.success = String(success);
    write(found.truth, outcome(success));
  }
  write(found.mark, element.dataset.success === "true" ? "success" : "detector");
}

/** Bring a tile or the focused view up to date. */
export function updateTile(element, news) {
  const found = places(element);
  const { step, horizon, distance, spread, history, threshold = null } = news;
  if (news.name !== undefined) write(found.name, news.name);
  if (news.instruction !== undefined) write(found.instruction, news.instruction);
  if (step !== undefined) write(found.step, horizon ? `${step} / ${horizon}` : String(step));
  if (step !== undefined && horizon && found.progress) found.progress.value = step / horizon;
  if (distance !== undefined) write(found.distance, formatNumber(distance, 1));
  if (spread !== undefined) {
    write(found.spread, spread === null ? "" : `± ${formatNumber(spread, 1)}`);
    write(found.deviation, formatNumber(spread, 1));
  }
  if (history && found.spark) drawSpark(found.spark, history, { threshold, min: 0, points: horizon });
  if (news.probs && found.dist) {
    drawDistribution(found.dist, news.probs, { centres: news.centres, mean: distance, threshold });
    write(found.disthigh, formatNumber(news.centres?.at(-1) ?? news.probs.length, 0));
  }
  updateOutcome(element, found, news);
  if (news.state !== undefined) updateAge(element, news);
}

/** The <img> or <canvas> that shows the newest frame. */
export function pictureOf(element) {
  return places(element).image;
}
