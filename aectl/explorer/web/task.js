// @ts-check
// The task in the page: its noise, if it adds some.

import { facts } from "./data.js";
import { normal } from "./latents.js";

/** The noise of the task on a picture. @param {Float32Array} values @param {number[]} shape @param {number} strength */
export function degrade(values, shape, strength) {
  const { noise } = facts;
  if (!noise) return values;
  if (noise.kind === "salt and pepper") return saltAndPepper(values, shape, strength);
  const noisy = values.map((value) => value + noise.mean + strength * normal());
  return noise.clip ? noisy.map((value) => Math.min(1, Math.max(0, value))) : noisy;
}

/** @param {Float32Array} values @param {number[]} shape @param {number} amount */
function saltAndPepper(values, [, height, width], amount) {
  const draws = Float32Array.from({ length: height * width }, () => Math.random());
  return values.map((value, index) => {
    const draw = draws[index % (height * width)];
    return draw < amount / 2 ? 1 : draw > 1 - amount / 2 ? 0 : value;
  });
}
