// @ts-check
// The latents of the examples on the map, and the arithmetic of latents.

import { facts, unpack } from "./data.js";

/** @type {Uint16Array} */
let packed = new Uint16Array();
/** @type {Float32Array} */
let drawn = new Float32Array();

export async function load() {
  packed = new Uint16Array(await unpack("codes"));
  if (facts.latent.draws) drawn = new Float32Array(await unpack("draws"));
}

/** The latent of an example. @param {number} index */
export function codeOf(index) {
  const { size, low, step } = facts.latent;
  return Float32Array.from({ length: size }, (_, unit) => low[unit] + step[unit] * packed[index * size + unit]);
}

/** A latent of the prior. @param {number} temperature multiplies its deviation */
export function sample(temperature) {
  const { size, draws } = facts.latent;
  if (!draws) return Float32Array.from({ length: size }, () => temperature * normal());
  const start = Math.floor(Math.random() * draws) * size, mean = meanOf(drawn, draws, size);
  return Float32Array.from(mean, (center, unit) => center + temperature * (drawn[start + unit] - center));
}

/** @param {Float32Array} rows @param {number} count @param {number} size */
function meanOf(rows, count, size) {
  const mean = new Float32Array(size);
  rows.forEach((value, index) => (mean[index % size] += value / count));
  return mean;
}

/** A number from a standard normal distribution (Box and Muller). */
export function normal() {
  return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
}

/** @param {ArrayLike<number>} a @param {ArrayLike<number>} b @param {number} t */
export function lerp(a, b, t) {
  return Float32Array.from(a, (value, unit) => (1 - t) * value + t * b[unit]);
}

/** Along the arc between two latents (White, 2016, section 2.1). @param {ArrayLike<number>} a @param {ArrayLike<number>} b
 * @param {number} t */
export function slerp(a, b, t) {
  const dot = (/** @type {any} */ x, /** @type {any} */ y) => Array.from(x).reduce((sum, v, i) => sum + v * y[i], 0);
  const omega = Math.acos(Math.min(1, Math.max(-1, dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b)))));
  if (!(Math.sin(omega) >= 1e-3)) return lerp(a, b, t);
  const [left, right] = [Math.sin((1 - t) * omega), Math.sin(t * omega)].map((value) => value / Math.sin(omega));
  return Float32Array.from(a, (value, unit) => left * value + right * b[unit]);
}

/** @param {ArrayLike<number>} a @param {ArrayLike<number>} b */
export function distance(a, b) {
  return Math.sqrt(Array.from(a).reduce((sum, value, unit) => sum + (value - b[unit]) ** 2, 0));
}

/** The examples nearest to a latent. @param {Float32Array} z @param {number} most @returns {number[]} */
export function nearest(z, most) {
  const { size, low, step } = facts.latent;
  const distances = new Float32Array(facts.count);
  for (let index = 0; index < facts.count; index++) {
    let sum = 0;
    for (let unit = 0; unit < size; unit++) sum += (low[unit] + step[unit] * packed[index * size + unit] - z[unit]) ** 2;
    distances[index] = sum;
  }
  return Array.from(distances.keys()).sort((a, b) => distances[a] - distances[b]).slice(0, most);
}
