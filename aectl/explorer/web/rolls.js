// @ts-check
// Piano rolls: notes as bars, time to the right and pitch upwards, drums below, in the style of aectl/modalities/rolls.py.

import { facts } from "./data.js";
import { STEPS_PER_BEAT, toNotes } from "./notes.js";
import { context } from "./pictures.js";

/** @typedef {{lowest: number, rows: number}} Span the pitches that a roll shows */
/** @typedef {{x: number, y: number, width: number, height: number}} Box */

const COLOURS = ["rgb(31 89 158)", "rgb(200 80 20)", "rgb(70 70 70)"], ONSETS = ["rgb(19 53 95)", "rgb(120 48 12)", "rgb(42 42 42)"];
const PAPER = "#fff", BLACK_ROW = "#f0f0f0", BEAT_LINE = "#e2e2e2", BAR_LINE = "#aaa", FRAME = "#787878", PLAYHEAD = "#d00";
const BLACK_KEYS = [1, 3, 6, 8, 10];
const WIDTH = 640, ROW = 5; // pixels of a roll that stands alone: its width at least, and the height of a semitone
const FINEST = 4; // pixels of a step, from which on beats are marked
const MARGIN = 2, FEWEST_ROWS = 25; // semitones: around the notes, and that a roll shows at least

/** The lowest and the highest pitch of notes, with a margin; none of drums. @param {import("./notes.js").Note[]} notes */
function rangeOf(notes) {
  const pitches = notes.filter(({ drum }) => drum === null).map(({ pitch }) => pitch);
  return [Math.min(...pitches) - MARGIN, Math.max(...pitches) + MARGIN];
}

/** The range of notes, two octaves at least. @param {import("./notes.js").Note[]} notes @returns {Span} */
export function spanOf(notes) {
  const [low, high] = rangeOf(notes), missing = Math.max(0, FEWEST_ROWS - (high - low + 1));
  if (low > high) return { lowest: facts.music.span[0], rows: FEWEST_ROWS };
  return { lowest: low - Math.floor(missing / 2), rows: high - low + 1 + missing };
}

/** The range of most windows, which stays while a slider moves, and of these notes.
 * @param {import("./notes.js").Note[]} notes @returns {Span} */
function usualSpan(notes) {
  const [lowest, rows] = facts.music.span, [low, high] = rangeOf(notes), from = Math.min(lowest, low);
  return { lowest: from, rows: Math.max(lowest + rows - 1, high) - from + 1 };
}

/** Draws windows one after the other, so many in a row, and how far they are played, if they are.
 * @param {HTMLCanvasElement} canvas @param {import("./notes.js").Window[]} windows @param {number} columns
 * @param {number | null} played steps */
export function drawRolls(canvas, windows, columns, played) {
  const { steps } = facts.music, all = windows.map(toNotes), span = (columns > 1 ? spanOf : usualSpan)(all.flat());
  const step = Math.max(1, Math.round(WIDTH / (steps * columns))), gap = columns > 1 ? 4 : 0;
  const { drums, melodies } = parts(span), cell = { width: step * steps, height: (drums + melodies) * ROW };
  canvas.width = columns * (cell.width + gap) - gap;
  canvas.height = Math.ceil(windows.length / columns) * (cell.height + gap) - gap;
  const pen = context(canvas);
  all.forEach((notes, place) => {
    const box = { ...cell, x: (place % columns) * (cell.width + gap), y: Math.floor(place / columns) * (cell.height + gap) };
    paintRoll(pen, notes, span, box);
    if (played === null || Math.floor(played / steps) !== place) return;
    pen.fillStyle = PLAYHEAD;
    pen.fillRect(box.x + (played % steps) * step, box.y, 2, box.height);
  });
}

/** How many rows the drums have, with a free one above them, and the melodies. @param {Span} span */
function parts({ rows }) {
  const { tracks, drumPitches } = facts.music, drums = tracks.some((/** @type {any} */ track) => track.drums);
  const melodies = tracks.some((/** @type {any} */ track) => !track.drums) ? rows : 0;
  return { drums: drums ? drumPitches.length + Math.sign(melodies) : 0, melodies };
}

/** @param {CanvasRenderingContext2D} pen @param {import("./notes.js").Note[]} notes @param {Span} span @param {Box} box */
export function paintRoll(pen, notes, span, box) {
  const { drums, melodies } = parts(span), [width, height] = [box.width / facts.music.steps, box.height / (drums + melodies)];
  paintPaper(pen, span.lowest, melodies, height, box);
  for (const { start, end, pitch, track, drum } of notes) {
    const row = drum === null ? drums + pitch - span.lowest : drum;
    const [x, y] = [box.x + start * width, box.y + box.height - (row + 1) * height];
    pen.fillStyle = COLOURS[track % COLOURS.length];
    pen.fillRect(x, y, (end - start) * width - Math.min(1, width / 4), height);
    pen.fillStyle = ONSETS[track % ONSETS.length];
    pen.fillRect(x, y, Math.max(1, width / 4), height);
  }
  pen.strokeStyle = FRAME;
  pen.strokeRect(box.x + 0.5, box.y + 0.5, box.width - 1, box.height - 1);
}

/** Rows of black keys, beats and bars. @param {CanvasRenderingContext2D} pen @param {number} lowest @param {number} melodies
 * @param {number} row its height @param {Box} box */
function paintPaper(pen, lowest, melodies, row, { x, y, width, height }) {
  const { steps, stepsPerBar } = facts.music;
  pen.fillStyle = PAPER;
  pen.fillRect(x, y, width, height);
  pen.fillStyle = BLACK_ROW;
  for (let key = 0; key < melodies; key++) {
    if (BLACK_KEYS.includes((lowest + key) % 12)) pen.fillRect(x, y + (melodies - key - 1) * row, width, row);
  }
  const between = width / steps < FINEST ? stepsPerBar : STEPS_PER_BEAT;
  for (let step = between; step < steps; step += between) {
    pen.fillStyle = step % stepsPerBar ? BEAT_LINE : BAR_LINE;
    pen.fillRect(Math.round(x + (step * width) / steps), y, 1, height);
  }
}
