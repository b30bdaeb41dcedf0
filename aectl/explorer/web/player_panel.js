// @ts-check
// The panel of the sound, and below every roll what plays it and saves it as a MIDI file.

import { element, facts } from "./data.js";
import { toMidi } from "./midi.js";
import { download } from "./pictures.js";
import { Player } from "./player.js";
import { mark, notesOn, windowsOn } from "./roll_view.js";
import { onChange } from "./state.js";
import { Synth } from "./synth.js";

export const player = new Player();

export function makePlayer() {
  for (const canvas of document.querySelectorAll("figure canvas, #strip")) addButtons(/** @type {HTMLCanvasElement} */ (canvas));
  element("play").remove(); // which animates pictures: a path of rolls is played
  element("stop").onclick = () => player.stop();
  element("loop").onchange = () => (player.loop = element("loop").checked);
  element("volume").oninput = () => (player.volume = Number(element("volume").value));
  element("tempo").oninput = () => {
    player.tempo = Number(element("tempo").value);
    element("tempo-value").textContent = `${player.tempo} bpm`;
  };
  element("tempo").oninput();
  element("player-caption").textContent =
    "A loop plays what its roll shows by then: move a slider while it sounds. Tempo acts from the next start on.";
  onChange((source) => source === "map" && element("play-pinned").checked && play(element("example")));
  Object.assign(/** @type {any} */ (window).explorer, { player, Synth, windowsOn, midiOf });
}

/** @param {HTMLCanvasElement} canvas */
export function play(canvas) {
  const length = lengthOf(canvas);
  if (!length) return;
  let sounding = windowsOn(canvas);
  const notes = () => {
    sounding = windowsOn(canvas);
    return notesOn(canvas);
  };
  player.play({ notes, length, marked: (step) => mark(canvas, windowsOn(canvas) === sounding ? step : null) });
}

/** @param {HTMLCanvasElement} canvas @returns {number} steps */
function lengthOf(canvas) {
  return windowsOn(canvas).length * facts.music.steps;
}

/** What a canvas shows, as a MIDI file. @param {HTMLCanvasElement} canvas */
export function midiOf(canvas) {
  return toMidi(notesOn(canvas), lengthOf(canvas), player.tempo);
}

/** @param {HTMLCanvasElement} canvas */
function addButtons(canvas) {
  const bar = document.createElement("div"), save = () => download(new Blob([midiOf(canvas)], { type: "audio/midi" }), canvas.id, "mid");
  bar.className = "bar";
  bar.append(button("Play", () => play(canvas)), button("MIDI", () => lengthOf(canvas) && save()));
  canvas.after(bar);
}

/** @param {string} name @param {() => void} action */
function button(name, action) {
  const made = document.createElement("button");
  Object.assign(made, { type: "button", textContent: name, onclick: action });
  return made;
}
