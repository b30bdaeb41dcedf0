// @ts-check
// A slider for each of the most active units, and what they decode to.

import { element, facts } from "./data.js";
import { sample } from "./latents.js";
import { Latest, decode, runs } from "./model.js";
import { save } from "./pictures.js";
import { change, onChange, show, state } from "./state.js";
import { view } from "./views.js";

const REACH = 4; // standard deviations to each side

export function makeSliders() {
  const { units, marks, marksOf, drawnFrom } = facts.latent;
  const rows = units.map((/** @type {number} */ unit, /** @type {number} */ row) => slider(unit, marks[row]));
  element("sliders").append(...rows.map((/** @type {any} */ each) => each.holder));
  element("sliders-caption").textContent =
    `The ${units.length} most active of ${facts.latent.size} units; marks at the 5, 25, 50, 75 and 95 % quantiles of ${marksOf}. ` +
    `Double click resets one. Randomize draws from ${drawnFrom}.`;
  element("randomize").onclick = () => show(sample(Number(element("temperature").value)), "random");
  element("reset").onclick = () => show(Float32Array.from(facts.latent.mean), "reset");
  element("save-picture").onclick = () => save(element("decoded"), "picture");
  chooseLabel();
  const live = new Latest(({ z, label }) => decode(z, label), ([output]) => view.drawOutput(element("decoded"), output));
  onChange((source) => {
    for (const row of rows) row.update();
    element("decoded-caption").textContent = "decoded";
    if (runs("decoder")) live.ask({ z: Float32Array.from(state.z), label: state.label });
    else if (source.startsWith("slider ")) drawStill(Number(source.slice(7)));
  });
}

function chooseLabel() {
  if (!facts.conditional) return;
  const choice = element("label");
  element("label-choice").hidden = false;
  for (let label = 0; label < facts.conditional; label++) choice.append(new Option(facts.classes[label] ?? String(label), String(label)));
  choice.onchange = () => change({ label: Number(choice.value) }, "label");
  onChange(() => (choice.value = String(state.label)));
}

/** Without the decoder: what was decoded beforehand nearest to where a slider stands. @param {number} unit */
function drawStill(unit) {
  const { units, mean, tiles: { steps, reach } } = facts.latent, row = units.indexOf(unit);
  const share = ((state.z[unit] - mean[unit]) / reach[row] + 1) / 2;
  const column = Math.min(steps - 1, Math.max(0, Math.round(share * (steps - 1))));
  view.drawStill(element("decoded"), "traversals", row * steps + column);
}

/** @param {number} unit @param {number[]} marks */
function slider(unit, marks) {
  const { mean, deviations } = facts.latent, name = `z${unit + 1}`;
  const ends = [-1, 1].map((side) => mean[unit] + side * REACH * Math.max(deviations[unit], 1e-3));
  const low = Math.min(ends[0], ...marks), high = Math.max(ends[1], ...marks);
  const holder = document.createElement("div"), input = document.createElement("input");
  const label = document.createElement("label"), output = document.createElement("output"), track = document.createElement("div");
  Object.assign(input, { type: "range", id: `unit-${unit}`, min: String(low), max: String(high), step: String((high - low) / 500) });
  Object.assign(label, { textContent: name, htmlFor: input.id });
  holder.className = "slider";
  track.className = "track";
  track.append(input, ...marks.map((mark) => tick((mark - low) / (high - low))));
  holder.append(label, track, output);
  const set = (/** @type {number} */ value) => {
    const z = Float32Array.from(state.z);
    z[unit] = value;
    change({ z, base: Float32Array.from(z) }, `slider ${unit}`);
  };
  input.oninput = () => set(Number(input.value));
  input.ondblclick = () => set(mean[unit]);
  const update = () => {
    input.value = String(state.z[unit]);
    output.textContent = state.z[unit].toFixed(2);
  };
  update();
  return { holder, update };
}

/** @param {number} share of the width */
function tick(share) {
  const mark = document.createElement("i");
  mark.style.left = `calc(8px + ${share} * (100% - 16px))`;
  return mark;
}
