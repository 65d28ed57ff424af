// The curves of a replay, drawn once into <svg>; the cursor over them is one custom property. Readers write the numbers of a frame.

import { formatNumber } from "efm/spark";

const WIDTH = 1000;
const HEIGHT = 100;
const SVG = "http://www.w3.org/2000/svg";
const CHANNELS = 6;

function path(name, d, channel) {
  const element = document.createElementNS(SVG, "path");
  element.setAttribute("class", name);
  element.setAttribute("d", d);
  if (channel !== undefined) mark(element, channel);
  return element;
}

// Six colours, then the same with other strokes.
function mark(element, channel) {
  element.dataset.ch = (channel % CHANNELS) + 1;
  element.dataset.stroke = Math.floor(channel / CHANNELS) % 3;
}

function scale(low, high) {
  const span = high - low || 1;
  return (value) => HEIGHT - (HEIGHT * (value - low)) / span;
}

// Gaps stay gaps: a value nobody knows lifts the pen.
function line(values, y, steps) {
  let pen = "M";
  return values
    .map((value, i) => {
      if (value === null) {
        pen = "M";
        return "";
      }
      const point = `${pen}${((WIDTH * i) / (steps || 1)).toFixed(2)} ${y(value).toFixed(2)}`;
      pen = "L";
      return point;
    })
    .join("");
}

function bounds(series) {
  const known = series.flat().filter((value) => value !== null);
  return known.length ? [known.reduce((a, b) => Math.min(a, b)), known.reduce((a, b) => Math.max(a, b))] : [0, 1];
}

// Three significant digits, for channels differ by orders of magnitude; below `least` is what rounding left of a zero.
function significant(value, least = 0) {
  if (!Number.isFinite(value ?? NaN)) return formatNumber(null);
  const size = Math.abs(value);
  if (size < least) return formatNumber(0, 0);
  if (size > 0 && size < 1e-3) return value.toExponential(1).replaceAll("-", "\u2212");
  return value === 0 || size >= 1000 ? formatNumber(value, 0) : String(Number(value.toPrecision(3))).replace("-", "\u2212");
}

function label(figure, low, high) {
  figure.querySelector("[data-curve-top]").textContent = significant(high);
  figure.querySelector("[data-curve-bottom]").textContent = significant(low);
}

/** d(o, g) with its spread and the threshold; gives the function that writes the numbers of a frame into the outputs of `now`. */
export function drawDistance(figure, { distance, spread, threshold }, steps, now) {
  const above = distance.map((d, i) => (d === null ? null : d + (spread?.[i] ?? 0)));
  const below = distance.map((d, i) => (d === null ? null : Math.max(0, d - (spread?.[i] ?? 0))));
  const high = 1.04 * Math.max(bounds([above])[1], threshold, 1);
  const y = scale(0, high);
  const svg = figure.querySelector("svg");
  if (spread && !distance.includes(null)) {
    const back = below.map((value, i) => `L${((WIDTH * i) / (steps || 1)).toFixed(2)} ${y(value).toFixed(2)}`).reverse();
    svg.append(path("band", `${line(above, y, steps)}${back.join("")}Z`));
  }
  svg.append(path("threshold", `M0 ${y(threshold)}H${WIDTH}`), path("line", line(distance, y, steps), 0));
  label(figure, 0, high);
  return (i) => {
    now.distance.textContent = formatNumber(distance[i], 1);
    now.spread.textContent = formatNumber(spread?.[i], 1);
    now.reward.textContent = i < steps ? formatNumber(distance[i] - distance[i + 1], 2) : "–";
  };
}

/** A vector's channels, each of which its chip shows or hides and brings to the front; gives what writes their values at a frame. */
export function drawChannels(figure, { values }, steps) {
  const svg = figure.querySelector("svg");
  const chips = [...figure.querySelectorAll("[data-channel]")];
  const shown = (i) => chips[i]?.getAttribute("aria-pressed") !== "false";
  const least = 1e-6 * Math.max(...bounds(values).map(Math.abs));
  const draw = () => {
    const [low, high] = bounds(values.filter((_, i) => shown(i)));
    const y = scale(low, high);
    const zero = low < 0 && high > 0 ? [path("zero", `M0 ${y(0)}H${WIDTH}`)] : [];
    const lines = values.map((series, i) => (shown(i) ? path("line", line(series, y, steps), i) : null));
    svg.replaceChildren(...zero, ...lines.filter(Boolean));
    label(figure, low, high);
    return lines;
  };
  let lines = draw();
  chips.forEach((chip, i) => {
    mark(chip, i);
    const front = (on) => {
      svg.toggleAttribute("data-one", on);
      lines[i]?.toggleAttribute("data-front", on);
    };
    chip.addEventListener("pointerenter", () => front(true));
    chip.addEventListener("pointerleave", () => front(false));
    chip.addEventListener("click", () => {
      chip.setAttribute("aria-pressed", !shown(i));
      lines = draw();
    });
  });
  return (at) => {
    chips.forEach((chip, i) => {
      const series = values[i] ?? [];
      chip.querySelector("output").textContent = significant(series[Math.min(at, series.length - 1)], least);
    });
  };
}

/** A pointer that is pressed over `area` moves the cursor. */
export function startScrubbing(area, steps, seek) {
  const at = (event) => {
    const box = area.getBoundingClientRect();
    seek((steps * (event.clientX - box.left)) / box.width);
  };
  area.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.target.closest("button")) return;
    area.setPointerCapture(event.pointerId);
    at(event);
  });
  area.addEventListener("pointermove", (event) => area.hasPointerCapture(event.pointerId) && at(event));
}
