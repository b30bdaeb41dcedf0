// @ts-check
// Around the map: colours, legend, what is under the cursor, what a lasso holds.

import { bitmap, element, facts, unpack } from "./data.js";
import { codeOf } from "./latents.js";
import { LatentMap } from "./map.js";
import { Latest, decode, runs } from "./model.js";
import { context, draw, drawCell, save } from "./pictures.js";
import { change, onChange, state } from "./state.js";

const PALETTE = ["#4e79a7", "#f28e2b", "#e15759", "#76b7b2", "#59a14f", "#edc948", "#b07aa1", "#ff9da7", "#9c755f", "#8c8c8c"];
const SHADES = ["#440154", "#46327e", "#365c8d", "#277f8e", "#1fa187", "#4ac16d", "#a0da39", "#fde725"]; // viridis
const MOST_SELECTED = 60;

/** @type {ImageBitmap} */
let thumbnails;
/** @type {Int16Array} */
let labels;
/** @type {Float32Array} */
export let errors;

/** @param {HTMLCanvasElement} canvas @param {number} index */
export function drawExample(canvas, index) {
  drawCell(canvas, thumbnails, index, facts.columns, facts.thumbnail);
}

/** @param {number} index */
export function describe(index) {
  const name = labels[index] >= 0 ? `${facts.classes[labels[index]] ?? labels[index]}, ` : "";
  return `example ${index}, ${name}squared error ${errors[index].toPrecision(3)}`;
}

/** @param {number} index */
export function labelOf(index) {
  return Math.max(0, labels[index]);
}

export async function loadExamples() {
  thumbnails = await bitmap("thumbnails");
  labels = new Int16Array(await unpack("labels"));
  errors = new Float32Array(await unpack("errors"));
}

export async function makeMap() {
  const map = new LatentMap(element("map"), new Float32Array(await unpack("points")));
  map.thumbnails = (pen, index, x, y, side) => {
    const [height, width] = facts.thumbnail, longest = Math.max(height, width);
    const [w, h] = [(side * width) / longest, (side * height) / longest];
    const [left, top] = [(index % facts.columns) * width, Math.floor(index / facts.columns) * height];
    pen.drawImage(thumbnails, left, top, width, height, x - w / 2, y - h / 2, w, h);
  };
  const grid = await bitmap("grid");
  follow(map, grid);
  map.pin = (index) => pin(map, index);
  map.select = (indices) => showSelection(indices);
  colours(map);
  element("fit").onclick = () => map.fit();
  element("lasso").onchange = () => (map.lassoing = element("lasso").checked);
  element("show-grid").onchange = () => {
    map.grid = element("show-grid").checked ? { image: grid, box: facts.latent.tiles.box } : null;
    map.redraw();
  };
  element("save-map").onclick = () => save(element("map"), "map");
  const part = facts.count < facts.total ? `${facts.count.toLocaleString()} of ${facts.total.toLocaleString()}` : facts.count.toLocaleString();
  element("map-caption").textContent = `${part} ${facts.split} examples; ${facts.latent.caption}. Click pins an example.`;
  map.resize();
  map.fit();
  map.hover(0, map.toMap(0, 0));
  return map;
}

/** @param {LatentMap} map @param {number} index */
function pin(map, index) {
  const z = codeOf(index);
  const label = facts.conditional ? labelOf(index) : 0;
  change({ z, base: Float32Array.from(z), label, example: index }, "map");
  showExample(index);
}

/** Shows what is under the cursor: an example and its reconstruction, or what is decoded there.
 * @param {LatentMap} map @param {ImageBitmap} grid */
function follow(map, grid) {
  const reconstruction = new Latest((index) => decode(codeOf(index), labelOf(index)), ([picture]) => draw(element("reconstruction"), picture));
  const under = new Latest((z) => decode(z, state.label), ([picture]) => draw(element("decoded"), picture));
  map.hover = (index, point) => {
    if (index !== null) {
      showExample(index);
      if (runs("decoder")) reconstruction.ask(index);
    }
    if (runs("decoder") && facts.latent.matrix) under.ask(inverse(point));
    else drawTile(grid, point);
    element("decoded-caption").textContent = facts.latent.exact ? "decoded at the cursor" : "decoded at the cursor (inverse projection)";
  };
  map.canvas.addEventListener("pointerleave", () => change({}, "leave"));
  onChange((source) => {
    if (source === "map" && state.example !== null && runs("decoder")) reconstruction.ask(state.example);
  });
}

/** @param {number} index */
export function showExample(index) {
  drawExample(element("example"), index);
  element("example-caption").textContent = describe(index);
}

/** The latent of a point of the map. @param {number[]} point */
function inverse([x, y]) {
  const { matrix, offset } = facts.latent;
  return Float32Array.from(offset, (value, unit) => value + x * matrix[0][unit] + y * matrix[1][unit]);
}

/** The picture of the grid that is nearest to a point. @param {ImageBitmap} grid @param {number[]} point */
function drawTile(grid, [x, y]) {
  const { box: [left, low, right, high], side } = facts.latent.tiles;
  const cell = (/** @type {number} */ share) => Math.min(side - 1, Math.max(0, Math.round(share * (side - 1))));
  const [column, row] = [cell((x - left) / (right - left)), cell((high - y) / (high - low))];
  drawCell(element("decoded"), grid, row * side + column, side, facts.thumbnail);
}

/** @param {LatentMap} map */
function colours(map) {
  const choice = element("colour-by");
  const kinds = facts.classes.length ? ["class", "error"] : ["error"];
  choice.append(...kinds.map((kind) => new Option(kind)));
  choice.onchange = () => colour(map, choice.value);
  colour(map, choice.value);
}

/** @typedef {{name: string, colour: string, holds: (index: number) => boolean}} Group examples of one colour */

/** @param {LatentMap} map @param {string} kind */
function colour(map, kind) {
  const groups = kind === "class" ? byClass() : byError();
  map.colours = groups.map(({ colour }) => colour);
  map.colourOf = Uint16Array.from({ length: map.count }, (_, index) => groups.findIndex(({ holds }) => holds(index)));
  map.visible.fill(1);
  element("legend").replaceChildren(...groups.map((group, number) => legendEntry(map, group.name, group.colour, number)));
  map.redraw();
}

/** @returns {Group[]} */
function byClass() {
  const names = facts.classes.map((/** @type {string} */ name, /** @type {number} */ label) => ({
    name,
    colour: PALETTE[label] ?? `hsl(${(label * 137.5) % 360} 60% 50%)`,
    holds: (/** @type {number} */ index) => labels[index] === label,
  }));
  const none = { name: "no class", colour: "#888", holds: () => true };
  return labels.some((label) => label < 0) ? [...names, none] : names;
}

/** @returns {Group[]} */
function byError() {
  const sorted = Float32Array.from(errors).sort();
  return SHADES.map((shade, number) => {
    const end = sorted[Math.min(errors.length - 1, Math.ceil(((number + 1) * errors.length) / SHADES.length) - 1)];
    return { name: `to ${end.toPrecision(2)}`, colour: shade, holds: (/** @type {number} */ index) => errors[index] <= end };
  });
}

/** @param {LatentMap} map @param {string} name @param {string} colour @param {number} number */
function legendEntry(map, name, colour, number) {
  const button = document.createElement("button"), dot = document.createElement("i");
  button.type = "button";
  button.setAttribute("aria-pressed", "true");
  dot.style.background = colour;
  button.append(dot, name);
  button.onclick = () => {
    const shown = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(shown));
    map.colourOf.forEach((group, index) => {
      if (group === number) map.visible[index] = Number(shown);
    });
    map.redraw();
  };
  return button;
}

/** @param {number[]} indices */
function showSelection(indices) {
  const holder = element("selection"), canvas = document.createElement("canvas"), [height, width] = facts.thumbnail;
  holder.hidden = !indices.length;
  if (!indices.length) return;
  const counts = new Map();
  for (const index of indices) counts.set(labels[index], (counts.get(labels[index]) ?? 0) + 1);
  const kinds = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 5);
  const names = facts.classes.length ? `: ${kinds.map(([label, n]) => `${facts.classes[label] ?? "no class"} ${n}`).join(", ")}` : "";
  const mean = indices.reduce((sum, index) => sum + errors[index], 0) / indices.length;
  const shown = indices.slice(0, MOST_SELECTED);
  canvas.width = 20 * width;
  canvas.height = Math.ceil(shown.length / 20) * height;
  shown.forEach((index, place) => {
    const [left, top] = [(index % facts.columns) * width, Math.floor(index / facts.columns) * height];
    context(canvas).drawImage(thumbnails, left, top, width, height, (place % 20) * width, Math.floor(place / 20) * height, width, height);
  });
  const text = document.createElement("p");
  text.textContent = `${indices.length} selected${names}; mean squared error ${mean.toPrecision(3)}`;
  holder.replaceChildren(text, canvas);
}
