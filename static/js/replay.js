// The replay of one episode: pictures, curves and numbers under one cursor. Frame i is the observation before action i; the last
// frame is what the last action led to.

import { register } from "efm/keys";
import { startSheet, startVideos } from "efm/replay_cameras";
import { Clock } from "efm/replay_clock";
import { drawChannels, drawDistance, startScrubbing } from "efm/replay_curves";
import { Film } from "efm/replay_film";
import { formatNumber } from "efm/spark";

const SPEED = "efm-replay-speed";
const GRACE_MS = 700; // once one picture is there, the others are not waited for much longer

const root = document.querySelector("[data-replay]");
const steps = Number(root.dataset.steps);
const hz = Number(root.dataset.hz);
const scrub = root.querySelector("[data-replay-scrub]");
const count = root.querySelector("[data-replay-count]");
const speed = root.querySelector("[data-replay-speed]");
const now = Object.fromEntries([...document.querySelectorAll("[data-now]")].map((output) => [output.dataset.now, output]));
const readers = []; // functions that write the numbers of frame i somewhere
const films = [];
let moments = [];
let kept = [0, steps]; // the control steps that count, the second exclusive
let firstShown = null;

const clock = new Clock({ steps, hz, ready, onFrame: show, onTick: follow, onState: paintPlaying });

function show(frame) {
  root.style.setProperty("--at", steps ? frame / steps : 0);
  scrub.value = frame;
  count.textContent = `step ${frame} / ${steps}${frame < kept[0] || frame > kept[1] ? ", trimmed off" : ""}`;
  now.time.textContent = formatNumber(frame / hz, 1);
  for (const read of readers) read(frame);
  for (const chip of root.querySelectorAll("[data-moment]")) {
    chip.toggleAttribute("aria-current", Number(chip.dataset.moment) === frame);
  }
  if (!clock.playing) for (const film of films) film.stand(frame);
}

function follow() {
  for (const film of films) film.follow();
}

function ready() {
  if (!films.some((film) => film.waits)) return true;
  if (firstShown === null && films.some((film) => film.shows)) firstShown = performance.now();
  return firstShown !== null && performance.now() - firstShown > GRACE_MS;
}

const seek = (frame) => clock.seek(frame);

function paintPlaying() {
  root.querySelector("[data-when-playing]").hidden = !clock.playing;
  root.querySelector("[data-when-paused]").hidden = clock.playing;
  root.querySelector("[data-replay-play]").setAttribute("aria-label", clock.playing ? "Pause" : "Play");
}

function startFilms() {
  const word = root.querySelector("[data-replay-word]");
  const say = (words) => {
    word.textContent = words;
    word.hidden = !words;
  };
  const gone = "The film cannot be shown; curves and numbers still can.";
  const video = root.querySelector("[data-replay-video]");
  films.push(new Film(video, { clock, start: 0, fps: hz, last: steps, say, gone }), ...startVideos(root, clock));
}

function startControls() {
  root.querySelector("[data-replay-play]").addEventListener("click", () => (clock.playing ? clock.pause() : clock.play()));
  for (const button of root.querySelectorAll("[data-replay-step]")) {
    button.addEventListener("click", () => seek(clock.frame + Number(button.dataset.replayStep)));
  }
  scrub.addEventListener("input", () => seek(Number(scrub.value)));
  scrub.addEventListener("pointerup", () => scrub.blur()); // so that letters are keys again
  speed.value = recall() ?? "1";
  clock.rate = Number(speed.value);
  speed.addEventListener("change", () => {
    clock.rate = Number(speed.value);
    remember(speed.value);
    speed.blur();
  });
  document.addEventListener("visibilitychange", () => document.hidden && films.forEach((film) => film.video.pause()));
  if ("autoplay" in root.dataset && !matchMedia("(prefers-reduced-motion: reduce)").matches) clock.play();
}

function recall() {
  try {
    const before = localStorage.getItem(SPEED);
    return [...speed.options].some((option) => option.value === before) ? before : null;
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

// What a trim takes off is shaded; a correction changes it without a new page.
function shade() {
  const { spanFirst = 0, spanEnd = steps } = document.querySelector("[data-span-first]")?.dataset ?? {};
  kept = [Number(spanFirst), Number(spanEnd)];
  root.style.setProperty("--first", steps ? kept[0] / steps : 0);
  root.style.setProperty("--end", steps ? kept[1] / steps : 1);
  root.toggleAttribute("data-trimmed", kept[0] > 0 || kept[1] < steps);
  show(clock.frame);
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
    mark.tabIndex = -1; // the list offers the same to the keyboard
    mark.setAttribute("aria-hidden", "true");
    root.querySelector(".curve-marks")?.append(mark);
  }
}

function jump(by) {
  const ahead = moments.filter((moment) => (by > 0 ? moment.step > clock.frame : moment.step < clock.frame));
  if (ahead.length) seek(ahead.at(by > 0 ? 0 : -1).step);
}

async function start() {
  startFilms();
  startControls();
  shade();
  for (const canvas of root.querySelectorAll("[data-replay-camera]")) startSheet(canvas, clock, readers);
  const answer = await fetch(root.dataset.replay, { headers: { Accept: "application/json" } });
  if (!answer.ok) {
    root.querySelector("[data-replay-curves]").textContent = "The recording cannot be read; the shard may be gone.";
    return;
  }
  const replay = await answer.json();
  for (const figure of root.querySelectorAll("[data-curve]")) {
    const { curve } = figure.dataset;
    const vector = replay.curves.find(({ name }) => name === curve);
    if (curve === "distance" && replay.distance) readers.push(drawDistance(figure, replay, steps, now));
    else if (vector) readers.push(drawChannels(figure, vector, steps));
    startScrubbing(figure.querySelector("[data-plot-area]"), steps, seek);
  }
  if (now.return) now.return.textContent = formatNumber(replay.return, 2);
  drawMoments(replay.moments);
  show(clock.frame);
}

register({ keys: "n", label: "Next key moment", group: "Replay", run: () => jump(1) });
register({ keys: "p", label: "Previous key moment", group: "Replay", run: () => jump(-1) });
register({ keys: "Home", label: "First frame", group: "Replay", run: () => seek(0) });
register({ keys: "End", label: "Last frame", group: "Replay", run: () => seek(steps) });
document.addEventListener("htmx:load", shade);
start();
