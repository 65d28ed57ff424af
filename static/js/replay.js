// The replay of one episode: film, curves and numbers under one cursor. Frame i is the observation before action i; the last
// frame is what the last action led to. Curves are drawn once; moving the cursor writes one custom property.

import { register } from "efm/keys";
import { formatNumber } from "efm/spark";

const WIDTH = 1000;
const HEIGHT = 100;
const SPEED = "efm-replay-speed";
const SVG = "http://www.w3.org/2000/svg";
const CHANNELS = 6;

const root = document.querySelector("[data-replay]");
const video = root.querySelector("[data-replay-video]");
const steps = Number(root.dataset.steps);
const hz = Number(root.dataset.hz);
const scrub = root.querySelector("[data-replay-scrub]");
const count = root.querySelector("[data-replay-count]");
const speed = root.querySelector("[data-replay-speed]");
const now = Object.fromEntries([...document.querySelectorAll("[data-now]")].map((output) => [output.dataset.now, output]));
const readers = []; // functions that write the numbers of frame i somewhere
let moments = [];
let frame = 0;

// The film

function show(i) {
  frame = Math.min(Math.max(i, 0), steps);
  root.style.setProperty("--at", steps ? frame / steps : 0);
  scrub.value = frame;
  count.textContent = `step ${frame} / ${steps}`;
  now.time.textContent = formatNumber(frame / hz, 1);
  for (const read of readers) read(frame);
  for (const chip of root.querySelectorAll("[data-moment]")) {
    chip.toggleAttribute("aria-current", Number(chip.dataset.moment) === frame);
  }
}

// Half a frame in, so that rounding never lands on the one before.
function seek(i) {
  video.pause();
  show(i);
  video.currentTime = (frame + 0.5) / hz;
}

function follow() {
  const next = () => (video.requestVideoFrameCallback ? video.requestVideoFrameCallback(onFrame) : requestAnimationFrame(onFrame));
  function onFrame(_, picture) {
    if (video.paused) return;
    show(Math.floor((picture?.mediaTime ?? video.currentTime) * hz + 0.01));
    next();
  }
  next();
}

function paintPlaying() {
  const playing = !video.paused && !video.ended;
  root.querySelector("[data-when-playing]").hidden = !playing;
  root.querySelector("[data-when-paused]").hidden = playing;
  root.querySelector("[data-replay-play]").setAttribute("aria-label", playing ? "Pause" : "Play");
}

async function play() {
  try {
    await video.play();
  } catch (error) {
    if (error.name !== "AbortError" && error.name !== "NotAllowedError") fault();
  }
}

function fault() {
  const text = root.querySelector("[data-replay-fault]");
  text.textContent = "The film cannot be shown; curves and numbers still can.";
  text.hidden = false;
}

function startFilm() {
  video.addEventListener("play", () => {
    paintPlaying();
    follow();
  });
  video.addEventListener("pause", paintPlaying);
  video.addEventListener("ended", () => {
    show(steps);
    paintPlaying();
  });
  video.addEventListener("error", fault);
  root.querySelector("[data-replay-play]").addEventListener("click", () => (video.paused ? play() : video.pause()));
  for (const button of root.querySelectorAll("[data-replay-step]")) {
    button.addEventListener("click", () => seek(frame + Number(button.dataset.replayStep)));
  }
  scrub.addEventListener("input", () => seek(Number(scrub.value)));
  scrub.addEventListener("pointerup", () => scrub.blur()); // so that letters are keys again
  speed.value = recall() ?? "1";
  video.playbackRate = video.defaultPlaybackRate = Number(speed.value);
  speed.addEventListener("change", () => {
    video.playbackRate = video.defaultPlaybackRate = Number(speed.value);
    remember(speed.value);
    speed.blur();
  });
  if ("autoplay" in root.dataset && !matchMedia("(prefers-reduced-motion: reduce)").matches) play();
}

function recall() {
  try {
    const kept = localStorage.getItem(SPEED);
    return [...speed.options].some((option) => option.value === kept) ? kept : null;
  } catch {
    return null;
  }
}

function remember(value) {
  try {
    localStorage.setItem(SPEED, value);
  } catch {
    // Nothing keeps it; the next page starts at 1×.
  }
}

// Curves

function path(name, d, channel) {
  const element = document.createElementNS(SVG, "path");
  element.setAttribute("class", name);
  element.setAttribute("d", d);
  if (channel !== undefined) element.dataset.ch = (channel % CHANNELS) + 1;
  return element;
}

function scale(low, high) {
  const span = high - low || 1;
  return (value) => HEIGHT - (HEIGHT * (value - low)) / span;
}

// Gaps stay gaps: a value nobody knows lifts the pen.
function line(values, y) {
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
  return known.length ? [Math.min(...known), Math.max(...known)] : [0, 1];
}

// Three significant digits, for channels differ by orders of magnitude.
function significant(value) {
  if (!Number.isFinite(value ?? NaN)) return formatNumber(null);
  const size = Math.abs(value);
  if (size > 0 && size < 1e-3) return value.toExponential(1).replaceAll("-", "\u2212");
  return value === 0 || size >= 1000 ? formatNumber(value, 0) : String(Number(value.toPrecision(3))).replace("-", "\u2212");
}

function label(figure, low, high) {
  figure.querySelector("[data-curve-top]").textContent = significant(high);
  figure.querySelector("[data-curve-bottom]").textContent = significant(low);
}

function drawDistance(figure, { distance, spread, threshold }) {
  const above = distance.map((d, i) => (d === null ? null : d + (spread?.[i] ?? 0)));
  const below = distance.map((d, i) => (d === null ? null : Math.max(0, d - (spread?.[i] ?? 0))));
  const high = 1.04 * Math.max(bounds([above])[1], threshold, 1);
  const y = scale(0, high);
  const svg = figure.querySelector("svg");
  if (spread && !distance.includes(null)) {
    const back = below.map((value, i) => `L${((WIDTH * i) / (steps || 1)).toFixed(2)} ${y(value).toFixed(2)}`).reverse();
    svg.append(path("band", `${line(above, y)}${back.join("")}Z`));
  }
  svg.append(path("threshold", `M0 ${y(threshold)}H${WIDTH}`), path("line", line(distance, y), 0));
  label(figure, 0, high);
  readers.push((i) => {
    now.distance.textContent = formatNumber(distance[i], 1);
    now.spread.textContent = formatNumber(spread?.[i], 1);
    now.reward.textContent = i < steps ? formatNumber(distance[i] - distance[i + 1], 2) : "–";
  });
}

function drawChannels(figure, { values }) {
  const svg = figure.querySelector("svg");
  const chips = [...figure.querySelectorAll("[data-channel]")];
  const shown = () => values.filter((_, i) => chips[i]?.getAttribute("aria-pressed") !== "false");
  const draw = () => {
    const [low, high] = bounds(shown());
    const y = scale(low, high);
    const zero = low < 0 && high > 0 ? [path("zero", `M0 ${y(0)}H${WIDTH}`)] : [];
    const lines = values.map((series, i) => [series, i]).filter(([series]) => shown().includes(series));
    svg.replaceChildren(...zero, ...lines.map(([series, i]) => path("line", line(series, y), i)));
    label(figure, low, high);
  };
  chips.forEach((chip, i) => {
    chip.dataset.ch = (i % CHANNELS) + 1;
    chip.addEventListener("click", () => {
      chip.setAttribute("aria-pressed", chip.getAttribute("aria-pressed") === "false");
      draw();
    });
    readers.push((at) => {
      const series = values[i] ?? [];
      chip.querySelector("output").textContent = significant(series[Math.min(at, series.length - 1)]);
    });
  });
  draw();
}

function startScrubbing(area) {
  const at = (event) => {
    const box = area.getBoundingClientRect();
    seek(Math.round((steps * (event.clientX - box.left)) / box.width));
  };
  area.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.target.closest("button")) return;
    area.setPointerCapture(event.pointerId);
    at(event);
  });
  area.addEventListener("pointermove", (event) => area.hasPointerCapture(event.pointerId) && at(event));
}

// Cameras: all frames lie on one sheet, of which the one at the cursor is shown, to the pixel.

function startCamera(canvas) {
  const { columns, every, replayCamera } = canvas.dataset;
  const { width, height } = canvas;
  const sheet = new Image();
  sheet.addEventListener("load", () => {
    const read = (i) => {
      const at = Math.floor(i / every);
      const [x, y] = [(at % columns) * width, Math.floor(at / columns) * height];
      canvas.getContext("2d").drawImage(sheet, x, y, width, height, 0, 0, width, height);
    };
    readers.push(read);
    read(frame);
  });
  sheet.addEventListener("error", () => canvas.closest("figure").remove());
  sheet.src = replayCamera;
}

// Key moments

function momentButton({ step, name }, inside) {
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.moment = step;
  button.title = `${name}, step ${step}`;
  button.append(inside);
  button.addEventListener("click", () => seek(step));
  return button;
}

function drawMoments(found) {
  moments = found;
  const list = root.querySelector("[data-replay-moments]");
  for (const moment of moments) {
    const item = document.createElement("li");
    const number = document.createElement("span");
    number.textContent = moment.step;
    const chip = momentButton(moment, number);
    chip.append(moment.name);
    item.append(chip);
    list.append(item);
    const mark = momentButton(moment, "");
    mark.style.setProperty("--mark", steps ? moment.step / steps : 0);
    mark.tabIndex = -1; // the list below offers the same to the keyboard
    mark.setAttribute("aria-hidden", "true");
    root.querySelector(".curve-marks")?.append(mark);
  }
}

function jump(by) {
  const ahead = moments.filter((moment) => (by > 0 ? moment.step > frame : moment.step < frame));
  if (ahead.length) seek(ahead.at(by > 0 ? 0 : -1).step);
}

async function start() {
  startFilm();
  show(0);
  root.querySelectorAll("[data-replay-camera]").forEach(startCamera);
  const answer = await fetch(root.dataset.replay, { headers: { Accept: "application/json" } });
  if (!answer.ok) {
    root.querySelector("[data-replay-curves]").textContent = "The recording cannot be read; the shard may be gone.";
    return;
  }
  const replay = await answer.json();
  for (const figure of root.querySelectorAll("[data-curve]")) {
    const { curve } = figure.dataset;
    const vector = replay.curves.find(({ name }) => name === curve);
    if (curve === "distance" && replay.distance) drawDistance(figure, replay);
    else if (vector) drawChannels(figure, vector);
    startScrubbing(figure.querySelector("[data-plot-area]"));
  }
  if (now.return) now.return.textContent = formatNumber(replay.return, 2);
  drawMoments(replay.moments);
  show(frame);
}

register({ keys: "n", label: "Next key moment", group: "Replay", run: () => jump(1) });
register({ keys: "p", label: "Previous key moment", group: "Replay", run: () => jump(-1) });
register({ keys: "Home", label: "First frame", group: "Replay", run: () => seek(0) });
register({ keys: "End", label: "Last frame", group: "Replay", run: () => seek(steps) });
start();
