// @ts-check
// Plays notes: each is handed to the synthesizer shortly before it is due, so that the tempo and a slider act at once.

import { facts } from "./data.js";
import { STEPS_PER_BEAT } from "./notes.js";
import { Synth } from "./synth.js";

const AHEAD = 0.25, EVERY = 50; // seconds that are planned ahead, and milliseconds between two looks
const LEAD = 0.05; // seconds from the button to the first note

/** @typedef {{notes: () => import("./notes.js").Note[], length: number, marked: (step: number | null) => void}} Piece
 * `length` in steps; `marked` is told which step sounds, and null in the end */

/** Notes in seconds and Hz. @param {import("./notes.js").Note[]} notes @param {number} step seconds
 * @returns {import("./synth.js").Sound[]} */
export function toSounds(notes, step) {
  return notes.map(({ start, end, pitch, track, drum }) => ({
    time: start * step,
    duration: (end - start) * step,
    frequency: 440 * 2 ** ((pitch - 69) / 12),
    drum,
    program: facts.music.tracks[track].program,
  }));
}

export class Player {
  constructor() {
    this.tempo = 120;
    this.loop = false;
    this.volume = 0.7;
    /** @type {(import("./synth.js").Sound & {at: number})[]} */
    this.scheduled = []; // since the last call of `play`
    /** @type {AudioContext | null} */
    this.context = null;
    /** @type {Piece | null} */
    this.piece = null;
    this.timer = 0;
    this.rounds = 0; // of the loop
    this.started = this.ends = this.step = 0; // seconds of the context's clock, and of a step
    /** @type {import("./synth.js").Sound[]} */
    this.queue = [];
  }

  /** @param {Piece} piece */
  play(piece) {
    this.stop();
    this.context = new AudioContext();
    this.synth = new Synth(this.context);
    this.piece = piece;
    this.scheduled = [];
    this.rounds = 0;
    this.begin(this.context.currentTime + LEAD);
    this.timer = window.setInterval(() => this.look(), EVERY);
    this.look();
  }

  stop() {
    clearInterval(this.timer);
    this.piece?.marked(null);
    this.piece = null;
    this.context?.close();
    this.context = null;
  }

  /** Starts the piece, with the notes that it has now. @param {number} at */
  begin(at) {
    const { notes, length } = /** @type {Piece} */ (this.piece);
    this.rounds += 1;
    this.started = at;
    this.step = 60 / this.tempo / STEPS_PER_BEAT;
    this.queue = toSounds(notes(), this.step);
    this.ends = at + length * this.step;
  }

  look() {
    const { context, piece, synth } = this;
    if (!context || !piece || !synth) return;
    const now = context.currentTime;
    synth.volume.gain.value = this.volume;
    this.plan(synth, now + AHEAD);
    if (this.loop && now + AHEAD > this.ends) this.begin(this.ends);
    else if (now > this.ends + 0.5) return this.stop();
    const late = (now - this.started) / this.step, step = late < 0 && this.rounds > 1 ? late + piece.length : late;
    piece.marked(step >= 0 && step < piece.length ? step : null);
  }

  /** @param {Synth} synth @param {number} until */
  plan(synth, until) {
    for (let sound = this.queue[0]; sound && this.started + sound.time < until; sound = this.queue[0]) {
      const at = this.started + sound.time;
      synth.sound(sound, at);
      this.scheduled.push({ ...sound, at });
      this.queue.shift();
    }
  }
}
