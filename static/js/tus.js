// A file sent in pieces by tus 1.0, which goes on where it stopped: after a pause, a broken connection, a reload.
//   const transfer = new Transfer(file, { endpoint, csrf, metadata, onChange });
//   const dataset = await transfer.run();       the address of the dataset; throws Refused with a sentence, or Cancelled
// What the browser must remember lies in localStorage under the file's fingerprint.

const VERSION = "1.0.0";
const PIECE = 8 * 2 ** 20; // bytes
const WAITS_MS = [1000, 2000, 4000, 8000, 15_000]; // between attempts; the last one for ever
const FINISHING = { every: 2000, times: 90 }; // ms; the server hashes a large file for a minute or so
const PREFIX = "efm-upload:";
const KEPT_MS = 3 * 86_400_000; // as long as the server keeps it

/** The server said no; the message is for people. */
export class Refused extends Error {}
/** Somebody pressed Cancel. */
export class Cancelled extends Error {}

class Lost extends Error {} // no connection: try again

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const base64 = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));

function remembered(key) {
  try {
    const entry = JSON.parse(localStorage.getItem(key));
    return entry && Date.now() - entry.at < KEPT_MS ? entry : null;
  } catch {
    return null; // no storage here, or not ours
  }
}

function remember(key, entry) {
  try {
    if (entry) localStorage.setItem(key, JSON.stringify({ ...entry, at: Date.now() }));
    else localStorage.removeItem(key);
  } catch {
    // Without storage an upload still survives a broken connection, only not a reload.
  }
}

const keyOf = (task, file) => `${PREFIX}${task}:${file.size}:${file.lastModified}:${file.name}`;

/** Names and shares of what was begun for a task and is not finished: [{ name, share }]. */
export function unfinished(task) {
  try {
    const keys = Object.keys(localStorage).filter((key) => key.startsWith(`${PREFIX}${task}:`));
    return keys.map(remembered).filter(Boolean).map(({ name, share }) => ({ name, share }));
  } catch {
    return [];
  }
}

export class Transfer {
  constructor(file, { endpoint, csrf, metadata, onChange }) {
    Object.assign(this, { file, endpoint, csrf, metadata, onChange });
    this.key = keyOf(metadata.task, file);
    this.offset = 0;
    this.state = "sending"; // sending, paused, waiting (for the connection), finishing
    this.cancelled = false;
    this.wake = () => {};
  }

  /** Send all that is not there yet; gives the address of the dataset. */
  async run() {
    let failures = 0;
    let asked = 0;
    let known = false;
    for (;;) {
      try {
        await this.#go();
        if (!known) await this.#stand();
        known = true;
        if (this.offset === this.file.size) this.#change("finishing");
        const answer = this.dataset ? null : await this.#send();
        failures = 0;
        if (answer === 409 && this.offset === this.file.size && asked < FINISHING.times) {
          asked += 1;
          await this.#rest(FINISHING.every);
        }
        if (this.dataset) {
          remember(this.key, null);
          return this.dataset;
        }
      } catch (error) {
        if (!(error instanceof Lost)) throw error;
        known = false;
        if (this.cancelled || this.state === "paused") continue;
        this.#change("waiting");
        await this.#rest(WAITS_MS[Math.min(failures, WAITS_MS.length - 1)]);
        failures += 1;
        if (this.state === "waiting") this.#change("sending");
      }
    }
  }

  pause() {
    this.#change("paused");
    this.request?.abort();
  }

  resume() {
    this.#change("sending");
    this.wake();
  }

  cancel() {
    this.cancelled = true;
    this.request?.abort();
    this.wake();
  }

  #change(state, sending = 0) {
    this.state = state;
    this.onChange({ state, sent: this.offset + sending, size: this.file.size });
  }

  /** Wait while paused; leave when cancelled. */
  async #go() {
    while (this.state === "paused" && !this.cancelled) await new Promise((resolve) => (this.wake = resolve));
    if (!this.cancelled) return;
    remember(this.key, null);
    if (this.url) await this.#ask("DELETE", this.url).catch(() => {}); // it expires by itself
    throw new Cancelled();
  }

  /** Wait, but no longer than until somebody does something or the connection is back. */
  async #rest(ms) {
    const woken = new Promise((resolve) => {
      this.wake = resolve;
      addEventListener("online", resolve, { once: true });
    });
    await Promise.race([sleep(ms), woken]);
  }

  /** Find out where the upload stands; begin one where there is none. */
  async #stand() {
    this.url ??= remembered(this.key)?.url;
    if (this.url) {
      const answer = await this.#ask("HEAD", this.url);
      if (answer.status < 300) return this.#read(answer);
      if (answer.status !== 404) throw new Refused(reason(answer));
      this.url = null;
    }
    const metadata = Object.entries(this.metadata).map(([key, text]) => `${key} ${base64(text)}`);
    const answer = await this.#ask("POST", this.endpoint, {
      "Upload-Length": this.file.size,
      "Upload-Metadata": metadata.join(","),
    });
    if (answer.status !== 201) throw new Refused(reason(answer));
    this.url = answer.getResponseHeader("Location");
    this.offset = 0;
    this.#keep();
    return null;
  }

  /** Send the next piece; gives 409 where the server stands elsewhere, which the next round respects. */
  async #send() {
    const piece = this.file.slice(this.offset, this.offset + PIECE);
    const headers = { "Upload-Offset": this.offset, "Content-Type": "application/offset+octet-stream" };
    const answer = await this.#ask("PATCH", this.url, headers, piece);
    if (answer.status < 300) {
      this.#read(answer);
      this.#keep();
      return answer.status;
    }
    if (answer.status === 409) {
      const before = this.offset;
      await this.#stand();
      if (this.offset !== before || before === this.file.size) return 409;
    }
    if (answer.status === 400 || answer.status === 413 || answer.status === 404) remember(this.key, null);
    throw new Refused(reason(answer));
  }

  #read(answer) {
    this.offset = Number(answer.getResponseHeader("Upload-Offset"));
    this.dataset = answer.getResponseHeader("Upload-Dataset");
    if (this.state === "sending") this.#change("sending");
  }

  #keep() {
    remember(this.key, { url: this.url, name: this.file.name, share: this.offset / this.file.size });
  }

  #ask(method, url, headers = {}, body = null) {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      this.request = request;
      request.open(method, url);
      for (const [name, value] of Object.entries({ "Tus-Resumable": VERSION, "X-CSRFToken": this.csrf, ...headers })) {
        request.setRequestHeader(name, value);
      }
      request.upload.onprogress = ({ loaded }) => this.state === "sending" && this.#change("sending", loaded);
      request.onload = () => (request.status >= 500 ? reject(new Lost()) : resolve(request));
      request.onerror = request.onabort = () => reject(new Lost());
      request.send(body);
    });
  }
}

function reason(request) {
  try {
    return JSON.parse(request.responseText).error.message;
  } catch {
    return `The server answered ${request.status}. Try again, or ask whoever runs it.`;
  }
}
