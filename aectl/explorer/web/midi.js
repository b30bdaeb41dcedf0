// @ts-check
// Standard MIDI files, with a track for each of the notes' tracks, as aectl/modalities/midi_files.py writes them.

import { facts } from "./data.js";
import { STEPS_PER_BEAT } from "./notes.js";

const TICKS_PER_STEP = 120, TICKS_PER_BEAT = TICKS_PER_STEP * STEPS_PER_BEAT;
const DRUM_CHANNEL = 9, VELOCITY = 64;

/** @param {import("./notes.js").Note[]} notes @param {number} length steps @param {number} tempo beats a minute */
export function toMidi(notes, length, tempo) {
  const { tracks } = facts.music, microseconds = Math.round(60e6 / tempo);
  const first = [[0, 0xff, 0x58, 4, 4, 2, 24, 8], [0, 0xff, 0x51, 3, ...bytes(microseconds, 3)]].flat();
  const chunks = tracks.map((/** @type {any} */ { drums, program }, /** @type {number} */ track) => {
    const channel = drums ? DRUM_CHANNEL : track < DRUM_CHANNEL ? track : track + 1;
    return [0, 0xc0 | channel, program, ...events(notes.filter((note) => note.track === track), channel, length)];
  });
  const head = [...text("MThd"), ...bytes(6, 4), ...bytes(1, 2), ...bytes(tracks.length + 1, 2), ...bytes(TICKS_PER_BEAT, 2)];
  return Uint8Array.from([...head, ...chunk([...first, ...end(0)]), ...chunks.flatMap(chunk)]);
}

/** The starts and ends of notes, ends first, and the end of the track. @param {import("./notes.js").Note[]} notes
 * @param {number} channel @param {number} length */
function events(notes, channel, length) {
  const all = notes.flatMap(({ start, end, pitch }) => [{ step: start, on: 1, pitch }, { step: end, on: 0, pitch }]);
  let before = 0;
  const written = all.sort((a, b) => a.step - b.step || a.on - b.on).flatMap(({ step, on, pitch }) => {
    const wait = (step - before) * TICKS_PER_STEP;
    before = step;
    return [...variable(wait), (on ? 0x90 : 0x80) | channel, pitch, VELOCITY];
  });
  return [...written, ...end((length - before) * TICKS_PER_STEP)];
}

/** @param {number} wait ticks */
function end(wait) {
  return [...variable(wait), 0xff, 0x2f, 0];
}

/** @param {number[]} content */
function chunk(content) {
  return [...text("MTrk"), ...bytes(content.length, 4), ...content];
}

/** A number in so many bytes, the highest first. @param {number} value @param {number} count */
function bytes(value, count) {
  return Array.from({ length: count }, (_, place) => (value >>> (8 * (count - 1 - place))) & 0xff);
}

/** A number of variable length: seven bits a byte, all but the last marked. @param {number} value @returns {number[]} */
function variable(value) {
  return value < 128 ? [value] : [...variable(value >>> 7).map((byte) => byte | 0x80), value & 0x7f];
}

/** @param {string} name */
function text(name) {
  return [...name].map((letter) => letter.charCodeAt(0));
}
