// The cameras of a replay: their original videos as tiles under the clock, one of which may be enlarged, and what the model saw.

import { register } from "efm/keys";
import { Film } from "efm/replay_film";

const NEARLY_SEEN = "200px";

/** A film per original video; each is loaded when it comes near the window, and rests while nobody sees it. */
export function startVideos(root, clock) {
  const films = new Map();
  for (const tile of root.querySelectorAll("[data-camera]")) films.set(tile, filmOf(tile, clock));
  const watch = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        const film = films.get(target);
        if (isIntersecting && !film.video.currentSrc && !film.video.src) film.load(film.video.dataset.cameraVideo);
        film.see(isIntersecting);
      }
    },
    { rootMargin: NEARLY_SEEN },
  );
  for (const tile of films.keys()) watch.observe(tile);
  startEnlarging(root);
  return [...films.values()];
}

function filmOf(tile, clock) {
  const video = tile.querySelector("video");
  const word = tile.querySelector("[data-camera-word]");
  const film = new Film(video, {
    clock,
    start: Number(video.dataset.start),
    fps: Number(video.dataset.fps),
    last: clock.steps - 1, // nothing was filmed after the last action
    say: (words) => {
      if (word.textContent !== words) word.textContent = words;
      word.hidden = !words;
    },
  });
  film.seen = false;
  return film;
}

function startEnlarging(root) {
  const views = [...root.querySelectorAll("[data-camera-enlarge]")];
  let takeBack = null;
  const enlarge = (chosen) => {
    for (const view of views) {
      view.setAttribute("aria-pressed", view === chosen);
      view.closest("[data-camera]").toggleAttribute("data-large", view === chosen);
    }
    root.querySelector("[data-cameras]").toggleAttribute("data-enlarged", Boolean(chosen));
    takeBack?.();
    takeBack = chosen ? register({ keys: "Escape", label: "All cameras alike", group: "Cameras", run: () => enlarge(null) }) : null;
    chosen?.scrollIntoView({ block: "nearest" });
  };
  for (const view of views) {
    view.addEventListener("click", (event) => {
      enlarge(view.getAttribute("aria-pressed") === "true" ? null : view);
      if (event.detail) view.blur(); // after the mouse, Space plays again
    });
  }
}

/** What the model saw: all frames lie on one sheet, of which the one at the cursor is shown, to the pixel. */
export function startSheet(canvas, clock, readers) {
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
    read(clock.frame);
  });
  sheet.addEventListener("error", () => canvas.closest("figure").remove());
  sheet.src = replayCamera;
}
