// @ts-check
// Windows of music: a token for each track at each step, and the notes that they stand for, as in aectl/modalities/notes.py.

import { facts } from "./data.js";

export const STEPS_PER_BEAT = 4;

/** @typedef {Uint16Array} Window the tokens of one step after another, of all tracks each */
/** @typedef {{start: number, end: number, pitch: number, track: number, drum: number | null}} Note steps, the end not
 * included, a MIDI number, and of drums which of the classes */

/** The likeliest tokens of what a decoder puts out. @param {import("./views.js").Output} output @returns {Window} */
export function toWindow({ values, shape: [, steps, width] }) {
  const { tracks } = facts.music, window = new Uint16Array(steps * tracks.length);
  for (let step = 0; step < steps; step++) {
    let first = step * width;
    tracks.forEach((/** @type {{size: number}} */ { size }, /** @type {number} */ track) => {
      const column = values.subarray(first, first + size);
      window[step * tracks.length + track] = column.indexOf(column.reduce((most, value) => Math.max(most, value), -Infinity));
      first += size;
    });
  }
  return window;
}

/** The notes of a window, in the order in which they start. @param {Window} window @returns {Note[]} */
export function toNotes(window) {
  const { tracks } = facts.music;
  const notes = tracks.flatMap((/** @type {{drums: boolean}} */ { drums }, /** @type {number} */ track) => {
    const tokens = window.filter((_, index) => index % tracks.length === track);
    return drums ? drumNotes(tokens, track) : melodyNotes(tokens, track);
  });
  return notes.sort((/** @type {Note} */ a, /** @type {Note} */ b) => a.start - b.start);
}

/** @param {Uint16Array} tokens @param {number} track @returns {Note[]} */
function melodyNotes(tokens, track) {
  const { firstPitch, lowestPitch } = facts.music, notes = [];
  const events = [...tokens.keys()].filter((step) => tokens[step]);
  for (const [place, start] of events.entries()) {
    if (tokens[start] < firstPitch) continue; // the end of a note
    const end = events[place + 1] ?? tokens.length;
    notes.push({ start, end, pitch: tokens[start] - firstPitch + lowestPitch, track, drum: null });
  }
  return notes;
}

/** @param {Uint16Array} tokens @param {number} track @returns {Note[]} */
function drumNotes(tokens, track) {
  return [...tokens].flatMap((token, start) =>
    facts.music.drumPitches.flatMap((/** @type {number} */ pitch, /** @type {number} */ drum) =>
      (token >> drum) & 1 ? [{ start, end: start + 1, pitch, track, drum }] : []));
}

/** The notes of windows one after another. @param {Window[]} windows @returns {Note[]} */
export function inSequence(windows) {
  return windows.flatMap((window, place) =>
    toNotes(window).map((note) => ({ ...note, start: note.start + place * facts.music.steps, end: note.end + place * facts.music.steps })));
}
