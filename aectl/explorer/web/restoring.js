// @ts-check
// Test examples of a task that restores, or of a model without a latent: input and output side by side, with noise of any
// strength where the task adds some.

import { bitmap, element, facts } from "./data.js";
import { Latest, restore, runs } from "./model.js";
import { draw, meanSquaredError, read } from "./pictures.js";
import { degrade } from "./task.js";

export async function makeRestoring() {
  const shown = facts.restores || !facts.latent;
  element("restore-panel").hidden = !shown;
  if (!shown) return;
  const sheet = await bitmap("shown"), which = element("which"), noise = element("noise");
  const live = facts.noise && (runs("whole") || (runs("encoder") && runs("decoder")));
  which.max = String(facts.shown - 1);
  if (live) {
    element("noise-choice").hidden = false;
    noise.max = facts.noise.kind === "gaussian" ? "0.6" : "0.5";
    noise.value = String(facts.noise.strength);
  }
  const cell = (/** @type {number} */ row) => {
    const [, height, width] = facts.shape;
    return read(sheet, facts.shape, [Number(which.value) * width, row * height, width, height]);
  };
  const newest = new Latest(compute, present);
  /** @param {{target: any, strength: number}} request */
  async function compute({ target, strength }) {
    const noisy = degrade(target.values, target.shape, strength);
    return { target, input: { values: noisy, shape: target.shape }, output: await restore(noisy, target.shape) };
  }
  const update = () => {
    element("noise-value").textContent = Number(noise.value).toFixed(2);
    if (live) newest.ask({ target: cell(2), strength: Number(noise.value) });
    else present({ input: cell(0), output: cell(1), target: cell(2) });
  };
  which.oninput = noise.oninput = update;
  element("divider").oninput = () => divide();
  update();
}

/** @type {any} */
let last = null;

/** @param {any} pictures */
function present(pictures) {
  last = pictures;
  draw(element("target"), pictures.target);
  const psnr = (/** @type {Float32Array} */ values) => (-10 * Math.log10(Math.max(1e-10, meanSquaredError(values, pictures.target.values)))).toFixed(1);
  element("restore-caption").textContent = `PSNR: input ${psnr(pictures.input.values)} dB, output ${psnr(pictures.output.values)} dB`;
  divide();
}

/** The input to the left of the divider, the output to its right. */
function divide() {
  const { input, output } = last, [, , width] = output.shape, edge = (Number(element("divider").value) / 100) * width;
  const values = output.values.map((/** @type {number} */ value, /** @type {number} */ index) => (index % width < edge ? input.values[index] : value));
  draw(element("before-after"), { values, shape: output.shape });
}
