// @ts-check
// Runs on images: examples are cells of a sheet of thumbnails.

import { bitmap, facts, has } from "./data.js";
import { context, draw, drawCell, toImageData } from "./pictures.js";

const SELECTED = 20; // thumbnails in a row of what is selected

export const noun = "example", pathSteps = 11;
export const drawOutput = draw;

/** @type {ImageBitmap} */
let thumbnails;
/** @type {Record<string, ImageBitmap>} */
const stills = {};

export async function load() {
  thumbnails = await bitmap("thumbnails");
  for (const name of ["grid", "traversals", "paths"]) if (has(name)) stills[name] = await bitmap(name);
}

/** @param {HTMLCanvasElement} canvas @param {number} index */
export function drawExample(canvas, index) {
  drawCell(canvas, thumbnails, index, facts.columns, facts.thumbnail);
}

/** @param {CanvasRenderingContext2D} pen @param {number} index @param {number} x @param {number} y @param {number} side */
export function paintExample(pen, index, x, y, side) {
  const [height, width] = facts.thumbnail, longest = Math.max(height, width);
  const [w, h] = [(side * width) / longest, (side * height) / longest];
  pen.drawImage(thumbnails, ...cell(index), width, height, x - w / 2, y - h / 2, w, h);
}

/** @param {HTMLCanvasElement} canvas @param {number[]} indices */
export function drawSelection(canvas, indices) {
  const [height, width] = facts.thumbnail;
  canvas.width = SELECTED * width;
  canvas.height = Math.ceil(indices.length / SELECTED) * height;
  indices.forEach((index, place) => {
    const [left, top] = [(place % SELECTED) * width, Math.floor(place / SELECTED) * height];
    context(canvas).drawImage(thumbnails, ...cell(index), width, height, left, top, width, height);
  });
}

/** Where a thumbnail stands on its sheet. @param {number} index @returns {[number, number]} */
function cell(index) {
  const [height, width] = facts.thumbnail;
  return [(index % facts.columns) * width, Math.floor(index / facts.columns) * height];
}

/** @param {HTMLCanvasElement} canvas @param {import("./pictures.js").Picture[]} outputs */
export function drawPath(canvas, outputs) {
  const [, height, width] = facts.shape;
  canvas.width = outputs.length * (width + 1);
  canvas.height = height;
  outputs.forEach(({ values, shape }, place) => context(canvas).putImageData(toImageData(values, shape), place * (width + 1), 0));
}

/** @param {HTMLCanvasElement} canvas @param {string} name @param {number} cell */
export function drawStill(canvas, name, cell) {
  drawCell(canvas, stills[name], cell, stills[name].width / facts.thumbnail[1], facts.thumbnail);
}

/** @param {HTMLCanvasElement} canvas @param {string} name */
export function drawStills(canvas, name) {
  canvas.width = stills[name].width;
  canvas.height = stills[name].height;
  context(canvas).drawImage(stills[name], 0, 0);
}

export function gridImage() {
  return stills.grid;
}
