// @ts-check
// The view in the address: a link to it restores it.

import { element } from "./data.js";
import { change, onChange, state } from "./state.js";

const WAIT = 250; // milliseconds after the last change

/** @param {import("./map.js").LatentMap} map */
export function keepLink(map) {
  let timer = 0;
  const write = () => {
    clearTimeout(timer);
    timer = setTimeout(() => history.replaceState(null, "", `#${encode(map)}`), WAIT);
  };
  map.moved = write;
  onChange(write);
  element("colour-by").addEventListener("change", write);
}

/** @param {import("./map.js").LatentMap} map */
function encode({ view }) {
  const z = btoa(String.fromCharCode(...new Uint8Array(state.z.buffer.slice(0))));
  const parts = { x: view.x.toPrecision(6), y: view.y.toPrecision(6), s: view.scale.toPrecision(6) };
  return new URLSearchParams({ ...parts, c: element("colour-by").value, l: String(state.label), z }).toString();
}

/** Restores the view of the address, as far as it makes sense. @param {import("./map.js").LatentMap} map */
export function followLink(map) {
  const given = new URLSearchParams(location.hash.slice(1));
  const [x, y, scale] = ["x", "y", "s"].map((key) => Number(given.get(key) ?? NaN));
  if ([x, y, scale].every(Number.isFinite) && scale > 0) map.setView({ x, y, scale });
  const choice = element("colour-by"), kind = given.get("c");
  if (kind && [...choice.options].some((option) => option.value === kind)) {
    choice.value = kind;
    choice.dispatchEvent(new Event("change"));
  }
  const z = latent(given.get("z"));
  if (z) change({ z, base: Float32Array.from(z), label: Number(given.get("l")) || 0 }, "link");
}

/** @param {string | null} text @returns {Float32Array | null} */
function latent(text) {
  try {
    const bytes = Uint8Array.from(atob(text ?? ""), (sign) => sign.charCodeAt(0));
    const z = new Float32Array(bytes.buffer);
    return z.length === state.z.length && z.every(Number.isFinite) ? z : null;
  } catch {
    return null;
  }
}
