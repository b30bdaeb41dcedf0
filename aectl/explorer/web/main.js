// @ts-check
// Starts the page: the networks, then each panel that the run has something for.

import { element, facts } from "./data.js";
import { makeClasses } from "./classes.js";
import { makeFacts } from "./facts_panel.js";
import { load } from "./latents.js";
import { followLink, keepLink } from "./link.js";
import { loadExamples, makeMap } from "./map_panel.js";
import { decode, runs, start } from "./model.js";
import { makeOwn } from "./own.js";
import { makePins, marks, onPin } from "./pins.js";
import { makePlayer } from "./player_panel.js";
import { makeRestoring } from "./restoring.js";
import { makeSliders } from "./sliders.js";
import { change, onChange, state } from "./state.js";
import { view } from "./views.js";

/** The panels that only one view has. @type {Record<string, (() => unknown)[]>} */
const PANELS = { pictures: [makeRestoring, makeOwn], rolls: [makePlayer] };
const LATENT_PANELS = ["map-panel", "picture-panel", "sliders-panel", "pins-panel", "classes-panel"];

async function main() {
  const begin = performance.now(), tell = (/** @type {string} */ what) => (element("status").textContent = what);
  makeFacts();
  theme();
  await start(tell);
  if (facts.problem) notice(facts.problem);
  await view.load();
  await loadExamples();
  if (facts.latent) await latentPanels();
  else for (const panel of LATENT_PANELS) element(panel).hidden = true;
  for (const make of PANELS[facts.view]) await make();
  change({}, "start");
  tell(`ready in ${((performance.now() - begin) / 1000).toFixed(1)} s`);
  document.documentElement.dataset.ready = "true";
}

async function latentPanels() {
  await load();
  const map = await makeMap();
  makeSliders();
  makePins();
  makeClasses();
  const place = (/** @type {Float32Array} */ z) => projected(z);
  onPin(() => {
    map.marks = marks(place);
    map.redraw();
  });
  onChange((source) => {
    const point = source === "own" ? place(state.z) : null;
    if (point) {
      map.marks = [...marks(place), { point, name: "yours" }];
      map.redraw();
    }
  });
  keepLink(map);
  followLink(map);
  Object.assign(window, { explorer: { map, state, change, decode, runs } }); // for the console
}

/** A latent on the map, where the map is linear. @param {Float32Array} z @returns {number[] | null} */
function projected(z) {
  const { matrix, offset } = facts.latent;
  if (!matrix) return null;
  return matrix.map((/** @type {number[]} */ row) => row.reduce((sum, value, unit) => sum + value * (z[unit] - offset[unit]), 0));
}

/** @param {string} text */
function notice(text) {
  element("problem").textContent = text;
  element("problem").hidden = false;
}

function theme() {
  const root = document.documentElement;
  element("theme").onclick = () => {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = (root.dataset.theme ?? (dark ? "dark" : "light")) === "dark" ? "light" : "dark";
  };
}

main().catch((error) => {
  element("status").textContent = "stopped";
  notice(`The page stopped: ${error.message}. A current browser is needed: Chrome or Edge 105, Firefox 113, Safari 16.4.`);
});
