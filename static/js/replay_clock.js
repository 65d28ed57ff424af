// The one clock of a replay: a position in frames that every picture, curve and number follows. No video is asked what time it is, so
// one that is slow, broken or not there at all holds nothing up.

const LONGEST_TICK_MS = 1000; // a page that slept goes on where it was

export class Clock {
  position = 0; // frames, with a fraction while it plays
  playing = false;
  rate = 1;
  #last = null;
  #held = false;
  #shown = -1;

  /** `ready()` holds the start back until it says true; `onFrame(frame)` at each new frame, `onTick()` while it plays, `onState()` on play and pause. */
  constructor({ steps, hz, ready, onFrame, onTick, onState }) {
    Object.assign(this, { steps, hz, ready, onFrame, onTick, onState });
  }

  /** The frame under the cursor, 0 to `steps`. */
  get frame() {
    return Math.min(Math.floor(this.position), this.steps);
  }

  /** Whether it was told to play and waits for the first pictures. */
  get held() {
    return this.playing && this.#held;
  }

  /** The position at a time as performance.now() gives it. */
  at(time) {
    return this.held || this.#last === null ? this.position : this.position + this.#frames(time - this.#last);
  }

  seek(frame) {
    this.position = Math.min(Math.max(Math.round(frame), 0), this.steps);
    if (this.playing) this.#stop();
    this.#show();
  }

  play() {
    if (this.playing) return;
    if (this.frame >= this.steps) this.position = 0;
    this.playing = this.#held = true;
    this.#last = null;
    this.onState();
    this.#show();
    requestAnimationFrame((time) => this.#tick(time));
  }

  pause() {
    if (this.playing) this.seek(this.frame);
  }

  #stop() {
    this.playing = false;
    this.#last = null;
    this.onState();
  }

  #frames(milliseconds) {
    return (milliseconds / 1000) * this.hz * this.rate;
  }

  #tick(time) {
    if (!this.playing) return;
    this.#held &&= !this.ready();
    if (this.#last !== null && !this.#held) this.position += this.#frames(Math.min(time - this.#last, LONGEST_TICK_MS));
    this.#last = time;
    if (this.position >= this.steps + 1) {
      this.seek(this.steps);
      return;
    }
    this.#show();
    this.onTick();
    requestAnimationFrame((next) => this.#tick(next));
  }

  #show() {
    const still = !this.playing;
    if (this.frame === this.#shown && !still) return;
    this.#shown = this.frame;
    this.onFrame(this.frame);
  }
}
