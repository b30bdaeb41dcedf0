// @ts-check
// Three pins, the path between two of them, and arithmetic with all.

import { element, facts } from "./data.js";
import { distance, lerp, slerp } from "./latents.js";
import { Latest, decode, runs } from "./model.js";
import { change, onChange, show, state } from "./state.js";
import { view } from "./views.js";

const SECONDS = 3;
const NAMES = ["A", "B", "C"];

/** @typedef {{z: Float32Array, label: number} | null} Pin */
/** @type {Pin[]} */
export const pins = [null, null, null];

export function makePins() {
  element("pins").append(...NAMES.map(slot));
  element("path").onchange = () => update();
  element("play").onclick = () => play();
  element("arithmetic").onclick = () => {
    const [a, b, c] = pins;
    if (a && b && c) show(a.z.map((value, unit) => value - b.z[unit] + c.z[unit]), "arithmetic");
    else element("distance").textContent = "pin A, B and C first";
  };
  if (!runs("decoder") && facts.latent.tiles.pairs.length) showPaths();
  else element("strip-caption").textContent = "Show something and pin it as A, something else as B.";
}

/** @param {string} name @param {number} place */
function slot(name, place) {
  const figure = document.createElement("figure"), canvas = document.createElement("canvas"), button = document.createElement("button");
  canvas.id = `pin-${name}`;
  canvas.width = canvas.height = 28;
  button.type = "button";
  button.textContent = `Pin as ${name}`;
  button.onclick = () => setPin(place, { z: Float32Array.from(state.z), label: state.label });
  figure.append(canvas, button);
  return figure;
}

/** @param {number} place @param {NonNullable<Pin>} pin */
export async function setPin(place, pin) {
  pins[place] = pin;
  change({}, "pin");
  if (runs("decoder")) view.drawOutput(element(`pin-${NAMES[place]}`), (await decode(pin.z, pin.label))[0]);
  update();
}

/** The latent at a part of the way from A to B. @param {number} t */
function along(t) {
  const [a, b] = /** @type {NonNullable<Pin>[]} */ (pins);
  return (element("path").value === "arc" ? slerp : lerp)(a.z, b.z, t);
}

const strip = new Latest(
  ({ codes, label }) => decode(codes, label),
  (/** @type {import("./views.js").Output[]} */ outputs) => {
    element("strip").hidden = false;
    view.drawPath(element("strip"), outputs);
  },
);

function update() {
  const [a, b] = pins;
  if (!a || !b) return;
  element("distance").textContent = `distance ${distance(a.z, b.z).toFixed(2)}`;
  element("strip-caption").textContent = `from A to B along the ${element("path").value}`;
  const steps = view.pathSteps, codes = new Float32Array(steps * a.z.length);
  for (let step = 0; step < steps; step++) codes.set(along(step / (steps - 1)), step * a.z.length);
  if (runs("decoder")) strip.ask({ codes, label: a.label });
}

function play() {
  if (!pins[0] || !pins[1]) {
    element("distance").textContent = "pin A and B first";
    return;
  }
  const begin = performance.now();
  const frame = (/** @type {number} */ now) => {
    const t = Math.min(1, Math.max(0, (now - begin) / 1000 / SECONDS));
    show(along(t), "play");
    if (t < 1) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}

/** Without the decoder: the paths between classes that were decoded beforehand. */
function showPaths() {
  const canvas = element("strip"), { pairs } = facts.latent.tiles;
  canvas.hidden = false;
  view.drawStills(canvas, "paths");
  const name = (/** @type {number} */ label) => facts.classes[label] ?? label;
  element("strip-caption").textContent =
    `decoded beforehand, a row from the mean of one class to that of the next: ${pairs.map((/** @type {number[]} */ pair) => pair.map(name).join(" to ")).join("; ")}`;
}

/** The pins as marks of the map. @param {(z: Float32Array) => number[] | null} place */
export function marks(place) {
  return pins.flatMap((pin, index) => {
    const point = pin && place(pin.z);
    return point ? [{ point, name: NAMES[index] }] : [];
  });
}

/** @param {() => void} listener */
export function onPin(listener) {
  onChange((source) => source === "pin" && listener());
}
