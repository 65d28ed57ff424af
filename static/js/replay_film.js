// One video that follows the clock of a replay. Frame k of the episode stands at `start` + k / `fps` seconds; half a frame is added,
// so that rounding never lands on the one before. `last` is the last frame there is: it stays for those after it.

const FAR_S = 0.3; // further off than this it jumps, else it hurries or dawdles
const NEAR_S = 0.02;
const LATE_S = 0.5; // and then says so
const JUMP_EVERY_MS = 1000;
const PATIENCE_MS = 600;
const RATES = [0.0625, 16]; // what browsers play

const FAULTS = {
  [MediaError.MEDIA_ERR_NETWORK]: "The connection broke; reload the page to see this video.",
  [MediaError.MEDIA_ERR_DECODE]: "This video is damaged.",
};
const UNPLAYABLE = "This video is gone, or the browser cannot play it.";

export class Film {
  seen = true;
  failed = false;
  #asked = null; // where the last jump went, seconds
  #want = null; // where it should stand while nothing plays
  #mayJump = 0;
  #lately = 0;
  #timer = 0;

  /** `say(words)` shows why there is no right picture, or nothing for ""; `gone` is what it says where there never will be one. */
  constructor(video, { clock, start, fps, last, say, gone = UNPLAYABLE }) {
    Object.assign(this, { video, clock, start, fps, last: Math.max(last, 0), say, gone });
    video.addEventListener("loadedmetadata", () => this.#go());
    video.addEventListener("seeked", () => this.#arrived());
    video.addEventListener("error", () => this.#fail());
    if (video.error) this.#fail();
    else if (video.src && this.waits) this.#expect();
    video.addEventListener("loadeddata", () => this.#quiet());
    video.requestVideoFrameCallback?.((now, picture) => this.#onPicture(now, picture));
  }

  /** Whether somebody sees it and its picture has not come yet. */
  get waits() {
    return this.seen && !this.failed && this.video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA;
  }

  /** Whether somebody sees its picture. */
  get shows() {
    return this.seen && !this.failed && !this.waits;
  }

  load(address) {
    this.video.src = address;
    this.#expect();
  }

  /** Stand still at a frame. */
  stand(frame) {
    this.#want = this.start + (Math.min(frame, this.last) + 0.5) / this.fps;
    if (!this.video.paused) this.video.pause();
    if (!this.failed && this.seen) this.#go();
  }

  /** Play along with the clock. */
  follow() {
    const { video, clock } = this;
    if (this.failed || !this.seen || video.readyState < HTMLMediaElement.HAVE_METADATA) return;
    if (clock.held) return;
    const soon = clock.position + 0.025 * clock.hz * clock.rate;
    if (soon >= this.last) {
      if (this.#want === null || !video.paused) this.stand(this.last);
      return;
    }
    if (video.paused) this.#begin();
    else if (!video.requestVideoFrameCallback) this.#correct(video.currentTime - this.#due(clock.position));
    const late = this.#due(clock.position) - video.currentTime;
    if (late > LATE_S) this.#lateBy(late);
    else if (!video.seeking) this.#quiet();
  }

  /** Nobody looks any more, or again. */
  see(seen) {
    if (this.seen === seen) return;
    this.seen = seen;
    if (!seen) this.video.pause();
    else if (!this.clock.playing) this.stand(this.clock.frame);
  }

  #due(position) {
    return this.start + position / this.fps;
  }

  #pace() {
    const pace = (this.clock.rate * this.clock.hz) / this.fps;
    return Math.min(Math.max(pace, RATES[0]), RATES[1]);
  }

  #begin() {
    const { video, clock } = this;
    this.#want = this.#asked = null;
    video.playbackRate = video.defaultPlaybackRate = this.#pace();
    if (Math.abs(video.currentTime - this.#due(clock.position)) > 1 / this.fps) this.#jump();
    video.play().catch(() => undefined); // it was told to stand meanwhile, or its error event says why
  }

  #onPicture(now, picture) {
    const { video, clock } = this;
    video.requestVideoFrameCallback((later, next) => this.#onPicture(later, next));
    if (!clock.playing || clock.held || video.paused || video.seeking) return;
    this.#correct(picture.mediaTime - this.#due(clock.at(picture.expectedDisplayTime)));
  }

  // `ahead` is how far it is before the clock, seconds. A picture is on time until the next one is due.
  #correct(ahead) {
    if (Math.abs(ahead) > FAR_S) {
      this.#jump();
      return;
    }
    const hurry = Math.abs(ahead) < NEAR_S ? 0 : Math.min(Math.max(-ahead, -0.2), 0.2);
    const pace = Math.min(Math.max(this.#pace() * (1 + hurry), RATES[0]), RATES[1]);
    if (Math.abs(this.video.playbackRate - pace) > 0.01 * pace) this.video.playbackRate = pace;
  }

  #jump() {
    const now = performance.now();
    if (this.video.seeking || now < this.#mayJump) return;
    this.#mayJump = now + JUMP_EVERY_MS;
    this.video.currentTime = this.#due(this.clock.position);
  }

  // While one jump is under way the next only waits: a scrub shows pictures as fast as they come, and the last one wins.
  #go() {
    const { video } = this;
    if (this.#want === null || video.seeking || video.readyState < HTMLMediaElement.HAVE_METADATA) return;
    const end = Number.isFinite(video.duration) ? video.duration : Infinity;
    const place = Math.min(this.#want, end);
    if (place === this.#asked && Math.abs(video.currentTime - place) < 0.25 / this.fps) return;
    this.#asked = place;
    video.currentTime = place;
    this.#expect();
  }

  #arrived() {
    this.#quiet();
    if (this.#want === null) return;
    if (this.#want > this.video.duration) this.say("This video ends before the episode does.");
    if (this.#asked !== Math.min(this.#want, this.video.duration)) this.#go();
  }

  #expect() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.failed || this.say("Waiting for its pictures…"), PATIENCE_MS);
  }

  #lateBy(seconds) {
    const tenths = Math.round(seconds * 10);
    if (tenths !== this.#lately) this.say(`${(tenths / 10).toFixed(1)} s behind`);
    this.#lately = tenths;
    if (!this.video.seeking) this.#jump();
  }

  #quiet() {
    clearTimeout(this.#timer);
    this.#lately = 0;
    if (!this.failed) this.say("");
  }

  #fail() {
    this.failed = true;
    clearTimeout(this.#timer);
    this.say(FAULTS[this.video.error?.code] ?? this.gone);
  }
}
