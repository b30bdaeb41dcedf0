// @ts-check
// Around the map: colours, legend, what is under the cursor, what a lasso holds.

import { element, facts, unpack } from "./data.js";
import { codeOf } from "./latents.js";
import { LatentMap } from "./map.js";
import { Latest, decode, runs } from "./model.js";
import { save } from "./pictures.js";
import { change, onChange, state } from "./state.js";
import { view } from "./views.js";

const PALETTE = ["#4e79a7", "#f28e2b", "#e15759", "#76b7b2", "#59a14f", "#edc948", "#b07aa1", "#ff9da7", "#9c755f", "#8c8c8c"];
const SHADES = ["#440154", "#46327e", "#365c8d", "#277f8e", "#1fa187", "#4ac16d", "#a0da39", "#fde725"]; // viridis
const MOST_SELECTED = 60;

/** @type {Int16Array} */
let labels;
/** @type {Float32Array[]} */
let measures;

/** @param {number} index */
export function describe(index) {
  const name = labels[index] >= 0 ? `${facts.classes[labels[index]] ?? labels[index]}, ` : "";
  const measured = facts.measures.map((/** @type {string} */ measure, /** @type {number} */ row) => `${measure} ${measures[row][index].toPrecision(3)}`);
  return `${view.noun} ${index}, ${name}${measured.join(", ")}`;
}

/** Of all examples, the measure that the view names first. */
export function firstMeasure() {
  return measures[0];
}

/** @param {number} index */
export function labelOf(index) {
  return Math.max(0, labels[index]);
}

export async function loadExamples() {
  labels = new Int16Array(await unpack("labels"));
  const all = new Float32Array(await unpack("measures"));
  measures = facts.measures.map((/** @type {string} */ _, /** @type {number} */ row) => all.subarray(row * facts.count, (row + 1) * facts.count));
}

export async function makeMap() {
  const map = new LatentMap(element("map"), new Float32Array(await unpack("points")));
  map.thumbnails = view.paintExample;
  follow(map);
  map.pin = (index) => pin(map, index);
  map.select = (indices) => showSelection(indices);
  colours(map);
  element("fit").onclick = () => map.fit();
  element("lasso").onchange = () => (map.lassoing = element("lasso").checked);
  element("show-grid").onchange = () => {
    map.grid = element("show-grid").checked ? { image: view.gridImage(), box: facts.latent.tiles.box } : null;
    map.redraw();
  };
  element("save-map").onclick = () => save(element("map"), "map");
  const part = facts.count < facts.total ? `${facts.count.toLocaleString()} of ${facts.total.toLocaleString()}` : facts.count.toLocaleString();
  element("map-caption").textContent = `${part} ${facts.split} ${view.noun}s; ${facts.latent.caption}. Click pins one.`;
  map.resize();
  map.fit();
  map.hover(0, map.toMap(0, 0));
  return map;
}

/** @param {LatentMap} map @param {number} index */
function pin(map, index) {
  const z = codeOf(index);
  const label = facts.conditional ? labelOf(index) : 0;
  showExample(index);
  change({ z, base: Float32Array.from(z), label, example: index }, "map");
}

/** Shows what is under the cursor: an example and its reconstruction, or what is decoded there. @param {LatentMap} map */
function follow(map) {
  const reconstruction = new Latest((index) => decode(codeOf(index), labelOf(index)), ([output]) => view.drawOutput(element("reconstruction"), output));
  const under = new Latest((z) => decode(z, state.label), ([output]) => view.drawOutput(element("decoded"), output));
  map.hover = (index, point) => {
    if (index !== null) {
      showExample(index);
      if (runs("decoder")) reconstruction.ask(index);
    }
    if (runs("decoder") && facts.latent.matrix) under.ask(inverse(point));
    else drawTile(point);
    element("decoded-caption").textContent = facts.latent.exact ? "decoded at the cursor" : "decoded at the cursor (inverse projection)";
  };
  map.canvas.addEventListener("pointerleave", () => change({}, "leave"));
  onChange((source) => {
    if (source === "map" && state.example !== null && runs("decoder")) reconstruction.ask(state.example);
  });
}

/** @param {number} index */
export function showExample(index) {
  view.drawExample(element("example"), index);
  element("example-caption").textContent = describe(index);
}

/** The latent of a point of the map. @param {number[]} point */
function inverse([x, y]) {
  const { matrix, offset } = facts.latent;
  return Float32Array.from(offset, (value, unit) => value + x * matrix[0][unit] + y * matrix[1][unit]);
}

/** What was decoded of the grid nearest to a point. @param {number[]} point */
function drawTile([x, y]) {
  const { box: [left, low, right, high], side } = facts.latent.tiles;
  const cell = (/** @type {number} */ share) => Math.min(side - 1, Math.max(0, Math.round(share * (side - 1))));
  const [column, row] = [cell((x - left) / (right - left)), cell((high - y) / (high - low))];
  view.drawStill(element("decoded"), "grid", row * side + column);
}

/** @param {LatentMap} map */
function colours(map) {
  const choice = element("colour-by");
  const kinds = facts.classes.length ? ["class", ...facts.measures] : facts.measures;
  choice.append(...kinds.map((/** @type {string} */ kind) => new Option(kind)));
  choice.onchange = () => colour(map, choice.value);
  colour(map, choice.value);
}

/** @typedef {{name: string, colour: string, holds: (index: number) => boolean}} Group examples of one colour */

/** @param {LatentMap} map @param {string} kind */
function colour(map, kind) {
  const groups = kind === "class" ? byClass() : byMeasure(measures[facts.measures.indexOf(kind)]);
  map.colours = groups.map(({ colour }) => colour);
  map.colourOf = Uint16Array.from({ length: map.count }, (_, index) => groups.findIndex(({ holds }) => holds(index)));
  map.visible.fill(1);
  element("legend").replaceChildren(...groups.map((group, number) => legendEntry(map, group.name, group.colour, number)));
  map.redraw();
}

/** @returns {Group[]} */
function byClass() {
  const present = new Set(labels);
  const groups = facts.classes.map((/** @type {string} */ name, /** @type {number} */ label) => ({
    name,
    label,
    colour: PALETTE[label] ?? `hsl(${(label * 137.5) % 360} 60% 50%)`,
    holds: (/** @type {number} */ index) => labels[index] === label,
  }));
  const names = groups.filter((/** @type {any} */ { label }) => present.has(label));
  const none = { name: "no class", colour: "#888", holds: () => true };
  return labels.some((label) => label < 0) ? [...names, none] : names;
}

/** @param {Float32Array} values of the examples @returns {Group[]} */
function byMeasure(values) {
  const sorted = Float32Array.from(values).sort();
  const all = SHADES.map((_, number) => sorted[Math.min(values.length - 1, Math.ceil(((number + 1) * values.length) / SHADES.length) - 1)]);
  const ends = [...new Set(all)]; // equal ones of a measure that has few values
  return ends.map((end, number) => ({
    name: `to ${end.toPrecision(2)}`,
    colour: SHADES[Math.round((number * (SHADES.length - 1)) / Math.max(1, ends.length - 1))],
    holds: (/** @type {number} */ index) => values[index] <= end,
  }));
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
  const holder = element("selection"), canvas = document.createElement("canvas");
  holder.hidden = !indices.length;
  if (!indices.length) return;
  const counts = new Map();
  for (const index of indices) counts.set(labels[index], (counts.get(labels[index]) ?? 0) + 1);
  const kinds = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 5);
  const names = facts.classes.length ? `: ${kinds.map(([label, n]) => `${facts.classes[label] ?? "no class"} ${n}`).join(", ")}` : "";
  const mean = indices.reduce((sum, index) => sum + firstMeasure()[index], 0) / indices.length;
  view.drawSelection(canvas, indices.slice(0, MOST_SELECTED));
  const text = document.createElement("p");
  text.textContent = `${indices.length} selected${names}; mean ${facts.measures[0]} ${mean.toPrecision(3)}`;
  holder.replaceChildren(text, canvas);
}
