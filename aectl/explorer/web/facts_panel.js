// @ts-check
// What is known of the run: scores, baselines, health, config.

import { element, facts } from "./data.js";

export function makeFacts() {
  const { run } = facts;
  element("title").textContent = run.title;
  element("config").textContent = run.config;
  element("license").hidden = !element("license").textContent.includes("Copyright");
  const lines = [`${run.parameters.toLocaleString()} parameters`, run.health, run.note, ...differences()].filter(Boolean);
  element("facts-text").append(...lines.map(paragraph), ...scores(run));
}

function differences() {
  const parts = Object.entries(facts.differences).map(([part, value]) => `${part} ${Number(value).toExponential(1)}`);
  return facts.parts.length ? [`largest difference of the networks in this page from the checkpoint: ${parts.join(", ")}`] : [];
}

/** @param {string} text */
function paragraph(text) {
  const holder = document.createElement("p");
  holder.textContent = text;
  return holder;
}

/** @param {any} run */
function scores(run) {
  const names = facts.scores.filter((/** @type {string} */ name) => name in run.scores);
  if (!names.length) return [];
  const table = document.createElement("table");
  const row = (/** @type {string} */ kind, /** @type {string[]} */ cells) => {
    const line = table.insertRow();
    for (const text of cells) line.append(Object.assign(document.createElement(kind), { textContent: text }));
  };
  const values = (/** @type {Record<string, number>} */ found) => names.map((/** @type {string} */ name) => found[name]?.toPrecision(4) ?? "");
  row("th", ["", ...names]);
  row("td", ["the model", ...values(run.scores)]);
  for (const [name, found] of Object.entries(run.baselines)) row("td", [name, ...values(/** @type {any} */ (found))]);
  return [table];
}
