// @ts-check
// What the page shows: a latent, a class, a pinned example; the panels change it here and hear of it here.

import { facts } from "./data.js";

/** @typedef {{z: Float32Array, label: number, base: Float32Array, example: number | null}} State
 * `z` is decoded, `base` is what classes move, `example` was pinned last. */

/** @type {State} */
export const state = {
  z: start(),
  base: start(),
  label: 0,
  example: null,
};

/** @type {((source: string) => void)[]} */
const listeners = [];

function start() {
  return Float32Array.from(facts.latent ? facts.latent.mean : []);
}

/** @param {(source: string) => void} listener is told which panel made a change */
export function onChange(listener) {
  listeners.push(listener);
}

/** @param {Partial<State>} changes @param {string} source */
export function change(changes, source) {
  Object.assign(state, changes);
  for (const listener of listeners) listener(source);
}

/** Shows a latent, from which classes move on. @param {Float32Array} z @param {string} source */
export function show(z, source) {
  change({ z: Float32Array.from(z), base: Float32Array.from(z) }, source);
}
