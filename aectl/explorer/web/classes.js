// @ts-check
// The mean latent of each class, and the vector between two.

import { element, facts } from "./data.js";
import { change, onChange, show, state } from "./state.js";

export function makeClasses() {
  const { means } = facts.latent, labels = Object.keys(means);
  element("classes-panel").hidden = labels.length < 2;
  if (labels.length < 2) return;
  for (const id of ["mean-of", "from-class", "to-class"]) {
    element(id).append(...labels.map((label) => new Option(facts.classes[Number(label)] ?? label, label)));
  }
  element("to-class").selectedIndex = 1;
  element("show-mean").onclick = () => {
    const label = element("mean-of").value;
    change({ label: Number(label) }, "class");
    show(Float32Array.from(means[label]), "class");
  };
  const strength = element("strength");
  const move = () => {
    const [from, to] = [means[element("from-class").value], means[element("to-class").value]];
    element("strength-value").textContent = Number(strength.value).toFixed(2);
    change({ z: state.base.map((value, unit) => value + Number(strength.value) * (to[unit] - from[unit])) }, "attribute");
  };
  strength.oninput = element("from-class").onchange = element("to-class").onchange = move;
  onChange((source) => {
    if (source === "attribute" || source === "leave" || source === "pin") return;
    strength.value = "0";
    element("strength-value").textContent = "0";
  });
}
