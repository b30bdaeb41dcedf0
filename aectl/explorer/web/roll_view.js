// @ts-check
// Runs on music: examples are windows of tokens, drawn as piano rolls; what a canvas shows can be played.

import { facts, has, unpack } from "./data.js";
import { inSequence, toNotes, toWindow } from "./notes.js";
import { context } from "./pictures.js";
import { drawRolls, paintRoll, spanOf } from "./rolls.js";

const SELECTED = 8, SMALL = { width: 96, height: 64 }; // rolls in a row of what is selected
const STEPS_IN_A_ROW = 128; // of a path
const GRID = 96; // pixels along a side of a roll behind the map

export const noun = "window", pathSteps = 8;

/** @type {Uint16Array} */
let windows;
/** @type {Record<string, Uint16Array>} */
const stills = {};
/** @type {WeakMap<HTMLCanvasElement, {windows: import("./notes.js").Window[], columns: number}>} */
const shown = new WeakMap();

export async function load() {
  windows = new Uint16Array(await unpack("windows"));
  for (const name of ["grid", "traversals", "paths"]) if (has(name)) stills[name] = new Uint16Array(await unpack(name));
}

/** @param {Uint16Array} all @param {number} index @returns {import("./notes.js").Window} */
function windowOf(all, index) {
  const size = facts.music.steps * facts.music.tracks.length;
  return all.subarray(index * size, (index + 1) * size);
}

/** @param {Uint16Array} all */
function count(all) {
  return all.length / (facts.music.steps * facts.music.tracks.length);
}

/** @param {HTMLCanvasElement} canvas @param {import("./notes.js").Window[]} windows @param {number} columns */
function show(canvas, windows, columns = 1) {
  shown.set(canvas, { windows, columns });
  drawRolls(canvas, windows, columns, null);
}

/** The windows that a canvas shows. @param {HTMLCanvasElement} canvas */
export function windowsOn(canvas) {
  return shown.get(canvas)?.windows ?? [];
}

/** The notes of these, one window after another. @param {HTMLCanvasElement} canvas */
export function notesOn(canvas) {
  return inSequence(windowsOn(canvas));
}

/** Marks how far a canvas is played. @param {HTMLCanvasElement} canvas @param {number | null} played steps */
export function mark(canvas, played) {
  const { windows, columns } = shown.get(canvas) ?? { windows: [], columns: 1 };
  drawRolls(canvas, windows, columns, played);
}

/** @param {HTMLCanvasElement} canvas @param {number} index */
export function drawExample(canvas, index) {
  show(canvas, [windowOf(windows, index)]);
}

/** @param {CanvasRenderingContext2D} pen @param {number} index @param {number} x @param {number} y @param {number} side */
export function paintExample(pen, index, x, y, side) {
  paintSmall(pen, windowOf(windows, index), { x: x - side / 2, y: y - side / 2, width: side, height: side });
}

/** @param {CanvasRenderingContext2D} pen @param {import("./notes.js").Window} window @param {import("./rolls.js").Box} box */
function paintSmall(pen, window, box) {
  const notes = toNotes(window);
  paintRoll(pen, notes, spanOf(notes), box);
}

/** @param {HTMLCanvasElement} canvas @param {number[]} indices */
export function drawSelection(canvas, indices) {
  canvas.width = SELECTED * SMALL.width;
  canvas.height = Math.ceil(indices.length / SELECTED) * SMALL.height;
  indices.forEach((index, place) => {
    const [x, y] = [(place % SELECTED) * SMALL.width, Math.floor(place / SELECTED) * SMALL.height];
    paintSmall(context(canvas), windowOf(windows, index), { x, y, ...SMALL });
  });
}

/** @param {HTMLCanvasElement} canvas @param {import("./views.js").Output} output */
export function drawOutput(canvas, output) {
  show(canvas, [toWindow(output)]);
}

/** @param {HTMLCanvasElement} canvas @param {import("./views.js").Output[]} outputs */
export function drawPath(canvas, outputs) {
  show(canvas, outputs.map(toWindow), Math.min(outputs.length, Math.max(1, Math.floor(STEPS_IN_A_ROW / facts.music.steps))));
}

/** @param {HTMLCanvasElement} canvas @param {string} name @param {number} cell */
export function drawStill(canvas, name, cell) {
  show(canvas, [windowOf(stills[name], cell)]);
}

/** @param {HTMLCanvasElement} canvas @param {string} name */
export function drawStills(canvas, name) {
  const { steps } = facts.latent.tiles;
  show(canvas, Array.from({ length: count(stills[name]) }, (_, index) => windowOf(stills[name], index)), steps);
}

export function gridImage() {
  const { side } = facts.latent.tiles, canvas = new OffscreenCanvas(side * GRID, side * GRID);
  const pen = /** @type {any} */ (canvas.getContext("2d"));
  for (let index = 0; index < side * side; index++) {
    const [x, y] = [(index % side) * GRID, Math.floor(index / side) * GRID];
    paintSmall(pen, windowOf(stills.grid, index), { x, y, width: GRID, height: GRID });
  }
  return canvas;
}
