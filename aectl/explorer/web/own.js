// @ts-check
// A picture of one's own, drawn or dropped, through the task and the model.

import { element, facts } from "./data.js";
import { nearest } from "./latents.js";
import { firstMeasure } from "./map_panel.js";
import { Latest, restore, run, runs } from "./model.js";
import { context, draw, meanSquaredError, read } from "./pictures.js";
import { show, state } from "./state.js";
import { degrade } from "./task.js";
import { view } from "./views.js";

const NEAREST = 8;
const LARGEST = 512; // pixels along a side of a picture for a model that takes any size
const MULTIPLE = 8; // of which its sides have to be
const PEN = 1.5; // pixels of the model's input

export function makeOwn() {
  const ready = runs("whole") || (runs("encoder") && runs("decoder"));
  element("draw-panel").hidden = !ready;
  if (!ready) return;
  const paper = element("paper"), newest = new Latest(consider, (result) => result && present(result));
  clear(paper);
  element("pen").value = String((PEN * paper.height) / inputShape()[1]);
  draws(paper, () => newest.ask(read(paper, inputShape(), [0, 0, paper.width, paper.height])));
  element("clear").onclick = () => clear(paper);
  element("file").onchange = () => open(element("file").files[0], newest);
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    open(event.dataTransfer?.files[0], newest);
  });
}

function inputShape() {
  return facts.inputShape;
}

/** @param {HTMLCanvasElement} paper */
function clear(paper) {
  const pen = context(paper);
  pen.fillStyle = "#000";
  pen.fillRect(0, 0, paper.width, paper.height);
}

/** @param {HTMLCanvasElement} paper @param {() => void} changed */
function draws(paper, changed) {
  const pen = context(paper);
  /** @type {number[] | null} */
  let last = null;
  const at = (/** @type {PointerEvent} */ event) => [event.offsetX, event.offsetY].map((place) => (place * paper.width) / paper.clientWidth);
  paper.addEventListener("pointerdown", (event) => {
    paper.setPointerCapture(event.pointerId);
    last = at(event);
  });
  paper.addEventListener("pointermove", (event) => {
    if (!last) return;
    const next = at(event);
    Object.assign(pen, { strokeStyle: "#fff", lineCap: "round", lineWidth: Number(element("pen").value) });
    pen.beginPath();
    pen.moveTo(last[0], last[1]);
    pen.lineTo(next[0], next[1]);
    pen.stroke();
    last = next;
    changed();
  });
  paper.addEventListener("pointerup", () => (last = null));
}

/** @param {File | undefined} file @param {Latest} newest */
async function open(file, newest) {
  if (!file) return;
  let picture;
  try {
    picture = await createImageBitmap(file);
  } catch {
    element("own-caption").textContent = `${file.name}: not a picture that this browser reads; try PNG or JPEG`;
    return;
  }
  newest.ask(read(picture, ...frame(picture)));
}

/** Which part of a picture becomes an input of which shape: the middle, or all of it where the model takes any size.
 * @param {ImageBitmap} picture @returns {[number[], number[]]} */
function frame({ width, height }) {
  const [channels, h, w] = inputShape();
  if (facts.anySize) {
    const scale = Math.min(1, LARGEST / Math.max(width, height));
    const sides = [height, width].map((side) => Math.max(MULTIPLE, MULTIPLE * Math.floor((side * scale) / MULTIPLE)));
    return [[channels, ...sides], [0, 0, width, height]];
  }
  const scale = Math.min(width / w, height / h), [partWidth, partHeight] = [w * scale, h * scale];
  return [inputShape(), [(width - partWidth) / 2, (height - partHeight) / 2, partWidth, partHeight]];
}

/** @param {import("./pictures.js").Picture} picture */
async function consider(picture) {
  const noisy = degrade(picture.values, picture.shape, Number(element("noise").value));
  const output = await restore(noisy, picture.shape, state.label);
  const latent = facts.latent && runs("encoder") ? (await run("encoder", noisy, [1, ...picture.shape], state.label)).values : null;
  return { picture, noisy, output, latent };
}

/** @param {any} result */
function present({ picture, noisy, output, latent }) {
  draw(element("own-input"), { values: noisy, shape: picture.shape });
  draw(element("own-output"), output);
  const parts = [];
  if (output.values.length === picture.values.length) {
    const error = meanSquaredError(output.values, picture.values);
    const errors = firstMeasure(), below = errors.filter((each) => each < error).length / errors.length;
    parts.push(`squared error ${error.toPrecision(3)}, larger than that of ${Math.round(100 * below)} % of the ${facts.split} examples`);
  }
  if (latent) {
    parts.push("below: the nearest examples; the mark on the map is yours");
    element("nearest").replaceChildren(...nearest(latent, NEAREST).map(thumbnail));
    show(latent, "own");
  }
  element("own-caption").textContent = parts.join("; ");
}

/** @param {number} index */
function thumbnail(index) {
  const canvas = document.createElement("canvas");
  view.drawExample(canvas, index);
  return canvas;
}
