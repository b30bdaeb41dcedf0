"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8c564b", "#7f7f7f", "#bcbd22"];
const MOST_ROWS = 500, MOST_LINES = 400;
const LAYOUT = { margin: { l: 60, r: 20, t: 20, b: 50 }, font: { size: 12 }, hovermode: "closest", paper_bgcolor: "#fff", plot_bgcolor: "#fff" };
const CONFIG = { responsive: true, displaylogo: false, modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]] };
const state = { sort: null, descending: false, picked: [], seeds: false, visible: [] };
const element = id => document.getElementById(id);

/** A text for Plotly, which reads some markup. */
const plain = text => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

const table = () => data.tables[state.seeds ? "seeds" : "runs"];
const value = (run, name) => { const found = data.runs[run].values[name]; return found === undefined ? null : found; };
const isPicked = run => state.picked.includes(run);
/** The rows of the table with runs that are picked, in the order in which they were: each has a colour. */
function pickedRows() {
  const first = row => state.picked.findIndex(run => row.runs.includes(run));
  return table().rows.filter(row => row.runs.some(isPicked)).sort((a, b) => first(a) - first(b));
}
const make = (tag, text, className) => { const made = document.createElement(tag); if (text !== undefined) made.textContent = text; if (className) made.className = className; return made; };

// --- the table ---

/** The full name of what a filter calls `psnr` or `lr`. */
function resolve(name) {
  const names = [...data.keys, ...data.numbers, "name", "path"];
  return names.find(each => each === name) || ["val/", "test/"].map(split => split + name).find(each => names.includes(each))
    || names.find(each => each.split(/[./]/).pop() === name) || null;
}

/** The test of a row that a filter describes; the first word that is not understood is a problem. */
function parse(filter) {
  const tests = [], problems = [];
  for (const word of filter.trim().split(/\s+/).filter(Boolean)) {
    const found = word.match(/^([^=<>!]+)(<=|>=|!=|=|<|>)(.+)$/);
    if (!found) {
      tests.push(row => row.cells.some(([text]) => text.toLowerCase().includes(word.toLowerCase())));
      continue;
    }
    const [, given, sign, wanted] = found, name = resolve(given);
    if (!name) { problems.push(`no run has ${given}`); continue; }
    const compare = { "=": (a, b) => a === b, "!=": (a, b) => a !== b, "<": (a, b) => a < b, "<=": (a, b) => a <= b, ">": (a, b) => a > b, ">=": (a, b) => a >= b }[sign];
    tests.push(row => row.runs.some(run => {
      const own = name === "name" || name === "path" ? data.runs[run][name] : value(run, name);
      if (own === null) return sign === "!=";
      const number = Number(wanted);
      return typeof own === "number" && wanted !== "" && !Number.isNaN(number) ? compare(own, number) : compare(String(own), wanted);
    }));
  }
  return { passes: row => tests.every(test => test(row)), problems };
}

function sortedRows() {
  const { passes, problems } = parse(element("filter").value);
  element("problem").hidden = !problems.length;
  element("problem").textContent = problems.join("; ");
  const rows = table().rows.filter(passes), column = state.sort;
  if (column === null || column >= table().columns.length) return rows;
  const missing = row => row.cells[column][0] === "";
  const order = (a, b) => {
    const [x, y] = [a.cells[column][1], b.cells[column][1]];
    return typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y), "en", { numeric: true });
  };
  return rows.sort((a, b) => missing(a) - missing(b) || (state.descending ? -order(a, b) : order(a, b)));
}

function drawTable() {
  const rows = sortedRows(), chosen = pickedRows(), head = make("tr"), body = document.createDocumentFragment();
  state.visible = rows.flatMap(row => row.runs);
  table().columns.forEach((column, index) => {
    const cell = make("th", column.name, column.number ? "number" : "");
    if (index === state.sort) cell.setAttribute("aria-sort", state.descending ? "descending" : "ascending");
    cell.addEventListener("click", () => { state.descending = index === state.sort && !state.descending; state.sort = index; draw(); });
    head.append(cell);
  });
  for (const row of rows.slice(0, MOST_ROWS)) {
    const line = make("tr"), picked = row.runs.every(isPicked);
    line.setAttribute("aria-selected", String(picked));
    row.cells.forEach(([text], index) => {
      const cell = make("td", undefined, table().columns[index].number ? "number" : "");
      if (index === 0) {
        const swatch = make("span", undefined, "swatch");
        if (chosen.includes(row)) swatch.style.background = COLOURS[chosen.indexOf(row) % COLOURS.length];
        cell.append(swatch);
      }
      cell.append(text);
      line.append(cell);
    });
    line.addEventListener("click", () => {
      state.picked = picked ? state.picked.filter(run => !row.runs.includes(run)) : [...new Set([...state.picked, ...row.runs])];
      draw();
    });
    body.append(line);
  }
  element("table").tHead.replaceChildren(head);
  element("table").tBodies[0].replaceChildren(body);
  const more = rows.length > MOST_ROWS ? `, the first ${MOST_ROWS} shown` : "";
  element("status").textContent = `${rows.length} of ${table().rows.length} rows${more}, ${state.picked.length} runs picked`;
}

// --- the plots ---

/** Values as numbers with the labels of an axis: numbers as they are, by their logarithm if they span much. */
function axis(values) {
  const found = values.filter(each => each !== null);
  if (found.every(each => typeof each === "number")) {
    const low = Math.min(...found), high = Math.max(...found);
    return { numbers: values, log: low > 0 && high / low >= 50 };
  }
  const texts = [...new Set(found.map(String))].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  return { numbers: values.map(each => (each === null ? null : texts.indexOf(String(each)))), texts, log: false };
}

function plotlyAxis(name, found) {
  const base = { title: { text: plain(name) }, zeroline: false, gridcolor: "#e6e6e6", automargin: true };
  if (found.texts) return { ...base, tickvals: found.texts.map((_, index) => index), ticktext: found.texts.map(plain), range: [-0.5, found.texts.length - 0.5] };
  return found.log ? { ...base, type: "log" } : base;
}

const hover = run => [data.runs[run].name, ...data.keys.map(key => `${key} ${value(run, key)}`), `${data.metric} ${value(run, data.metric)}`].map(plain).join("<br>");

function drawCurves() {
  const metric = element("curve").value;
  const traces = pickedRows().flatMap((row, place) => row.runs.filter(run => isPicked(run) && data.runs[run].curves[metric]).map((run, seed) => {
    const points = data.runs[run].curves[metric], color = COLOURS[place % COLOURS.length], group = { legendgroup: String(place), showlegend: seed === 0 };
    return { x: points.map(point => point[0]), y: points.map(point => point[1]), name: plain(data.runs[run].name), mode: points.length > 1 ? "lines" : "markers", line: { color, width: 1.8 }, marker: { color }, ...group };
  }));
  const last = Math.max(0, ...traces.flatMap(trace => trace.x));
  const annotations = traces.length ? [] : [{ text: "pick runs in the table", showarrow: false, xref: "paper", yref: "paper", x: 0.5, y: 0.5 }];
  Plotly.react("curves", traces, { ...LAYOUT, xaxis: { title: { text: "epoch" }, zeroline: false, gridcolor: "#e6e6e6", dtick: last <= 8 ? 1 : undefined }, yaxis: plotlyAxis(metric, { log: false }), legend: { orientation: "h", yref: "container", y: 0, yanchor: "bottom" }, showlegend: true, annotations }, CONFIG);
}

function drawScatter() {
  const [xName, yName, colourName] = ["scatter-x", "scatter-y", "scatter-colour"].map(id => element(id).value);
  const runs = state.visible.filter(run => value(run, xName) !== null && value(run, yName) !== null);
  const [x, y] = [xName, yName].map(name => axis(runs.map(run => value(run, name))));
  const picked = runs.map(isPicked);
  const marker = { size: picked.map(each => (each ? 12 : 8)), line: { width: picked.map(each => (each ? 2 : 0.5)), color: picked.map(each => (each ? "#000" : "#fff")) } };
  const traces = [];
  if (colourName) {
    const found = axis(runs.map(run => value(run, colourName)));
    if (found.texts) {
      found.texts.forEach((text, place) => {
        const own = runs.map((_, index) => index).filter(index => found.numbers[index] === place);
        traces.push({ x: own.map(i => x.numbers[i]), y: own.map(i => y.numbers[i]), text: own.map(i => hover(runs[i])), name: plain(text), marker: { color: COLOURS[place % COLOURS.length], size: own.map(i => marker.size[i]), line: { width: own.map(i => marker.line.width[i]), color: own.map(i => marker.line.color[i]) } } });
      });
    } else {
      traces.push({ x: x.numbers, y: y.numbers, text: runs.map(hover), marker: { ...marker, color: found.numbers.map(each => (found.log && each ? Math.log10(each) : each)), colorscale: "Viridis", showscale: true, colorbar: { title: { text: plain(found.log ? `log10 ${colourName}` : colourName), side: "right" } } }, showlegend: false });
    }
  } else {
    traces.push({ x: x.numbers, y: y.numbers, text: runs.map(hover), marker: { ...marker, color: COLOURS[0] }, showlegend: false });
  }
  traces.forEach(trace => Object.assign(trace, { mode: "markers", type: "scatter", hoverinfo: "text" }));
  Plotly.react("scatter", traces, { ...LAYOUT, xaxis: plotlyAxis(xName, x), yaxis: plotlyAxis(yName, y), legend: { title: { text: plain(colourName) } } }, CONFIG);
}

/** A colour between dark blue and yellow for a number from 0 to 1: dark is bad. */
function shade(share) {
  const stops = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
  const place = Math.min(share * (stops.length - 1), stops.length - 1.0001), low = Math.floor(place);
  return `rgb(${stops[low].map((start, channel) => Math.round(start + (place - low) * (stops[low + 1][channel] - start))).join(",")})`;
}

function drawParallel() {
  const metric = element("parallel-metric").value, names = [...data.keys.filter(key => key !== metric), metric];
  const all = state.visible.filter(run => value(run, metric) !== null), runs = all.slice(0, MOST_LINES);
  const axes = names.map(name => axis(runs.map(run => value(run, name))));
  const scaled = axes.map(found => {
    const numbers = found.numbers.map(each => (each === null ? null : found.log ? Math.log10(each) : each));
    const known = numbers.filter(each => each !== null), low = Math.min(...known), high = Math.max(...known);
    return { low, high, shares: numbers.map(each => (each === null ? null : high > low ? (each - low) / (high - low) : 0.5)) };
  });
  const last = scaled[scaled.length - 1].shares;
  const picked = runs.map(isPicked);
  const traces = runs.map((run, index) => ({ x: names.map((_, place) => place), y: scaled.map(each => each.shares[index]), mode: "lines+markers", text: hover(run), hoverinfo: "text", showlegend: false, connectgaps: true, opacity: picked[index] || !picked.includes(true) ? 0.85 : 0.25, line: { color: shade(last[index]), width: picked[index] ? 4 : 1.5 }, marker: { size: 5, color: shade(last[index]) } }));
  const labels = [];
  const label = (place, share, text) => labels.push({ x: place, y: share, text: plain(text), showarrow: false, xanchor: "left", xshift: 5, font: { size: 11, color: "#444" }, bgcolor: "rgba(255,255,255,.75)" });
  axes.forEach((found, place) => {
    const { low, high } = scaled[place], show = each => Number((found.log ? 10 ** each : each).toPrecision(4));
    if (found.texts) found.texts.slice(0, 12).forEach((text, index) => label(place, high > low ? (index - low) / (high - low) : 0.5, text.slice(0, 30)));
    else if (new Set(found.numbers).size <= 8) [...new Set(found.numbers)].filter(each => each !== null).forEach(each => label(place, high > low ? ((found.log ? Math.log10(each) : each) - low) / (high - low) : 0.5, Number(each.toPrecision(4))));
    else if (Number.isFinite(low)) (high > low ? [[0, low], [0.5, (low + high) / 2], [1, high]] : [[0.5, low]]).forEach(([share, each]) => label(place, share, show(each)));
  });
  const shapes = names.map((_, place) => ({ type: "line", x0: place, x1: place, y0: 0, y1: 1, line: { color: "#888", width: 1 } }));
  Plotly.react("parallel", traces, { ...LAYOUT, margin: { l: 40, r: 110, t: 20, b: 50 }, xaxis: { tickvals: names.map((_, place) => place), ticktext: names.map(plain), showgrid: false, zeroline: false, range: [-0.15, names.length - 0.75] }, yaxis: { visible: false, range: [-0.06, 1.06] }, shapes, annotations: labels }, CONFIG);
  const more = all.length > runs.length ? ` The first ${runs.length} of ${all.length} rows of the table are drawn.` : "";
  element("parallel-caption").textContent = `A line for each run of the table; yellow has the most ${metric}, dark blue the least. Runs that are picked are wide.${more}`;
}

function drawImportance() {
  const found = data.importance;
  element("importance-panel").hidden = !found;
  if (!found) return;
  const names = Object.keys(found.drops).slice(0, 12).reverse();
  Plotly.react("importance", [{ type: "bar", orientation: "h", x: names.map(name => found.drops[name]), y: names.map(plain), marker: { color: COLOURS[0] } }], { ...LAYOUT, margin: { ...LAYOUT.margin, l: 150 }, xaxis: { title: { text: `drop of R² for ${plain(found.metric)}` }, gridcolor: "#e6e6e6" }, yaxis: { automargin: true } }, CONFIG);
  const sense = found.r2 > 0.3 ? "" : " It explains little: do not rely on this.";
  element("importance-caption").textContent = `Permutation importance of a random forest (scikit-learn) fitted to ${found.n} rows of the table: how much worse it predicts ${found.metric} when the values of a key are shuffled among them. It explains ${Math.round(100 * Math.max(0, found.r2))} % of the variance out of bag.${sense}`;
}

// --- pictures ---

function drawPictures() {
  const box = document.createDocumentFragment();
  for (const group of data.pictures) {
    const chosen = state.picked.filter(run => group.outputs[run]);
    if (!chosen.length) continue;
    const grid = make("table");
    const line = (head, urls) => {
      const row = make("tr");
      row.append(make("th", head));
      urls.forEach(url => { const cell = make("td"), image = make("img"); image.src = url; image.alt = ""; cell.append(image); row.append(cell); });
      grid.append(row);
    };
    Object.entries(group.same).forEach(([name, urls]) => line(name, urls));
    chosen.forEach(run => { const score = value(run, "test/psnr"); line(data.runs[run].name + (score === null ? "" : `   ${score.toFixed(2)} dB`), group.outputs[run]); });
    box.append(grid);
  }
  element("pictures-panel").hidden = !data.pictures.length;
  if (!box.childNodes.length) box.append(make("p", "pick runs that aectl eval has scored", "caption"));
  element("pictures").replaceChildren(box);
}

// --- the page ---

function fill(id, names, chosen, none) {
  const select = element(id);
  if (none) select.append(new Option(none, ""));
  names.forEach(name => select.append(new Option(name, name, name === chosen, name === chosen)));
  select.addEventListener("change", draw);
}

function draw() {
  drawTable();
  drawCurves();
  drawScatter();
  drawParallel();
  drawPictures();
}

function start() {
  element("title").textContent = data.title;
  data.notes.forEach(note => element("notes").append(make("p", note)));
  const curves = [...new Set(data.runs.flatMap(run => Object.keys(run.curves)))].sort((a, b) => a.startsWith("train/") - b.startsWith("train/"));
  const ranked = data.numbers[0], first = data.importance ? Object.keys(data.importance.drops)[0] : data.keys[0];
  fill("curve", curves, curves.includes(ranked) ? ranked : curves[0]);
  fill("scatter-x", [...data.keys, ...data.numbers], first || "seconds");
  fill("scatter-y", data.numbers, ranked);
  fill("scatter-colour", [...data.keys, ...data.numbers], data.keys.find(key => key !== first && key !== "seed") || "", "none");
  fill("parallel-metric", data.numbers, ranked);
  state.seeds = data.tables.seeds.rows.length < data.tables.runs.rows.length;
  element("seeds").checked = state.seeds;
  element("seeds").disabled = !state.seeds;
  element("seeds").addEventListener("change", event => { state.seeds = event.target.checked; state.sort = null; draw(); });
  element("filter").addEventListener("input", draw);
  element("pick-none").addEventListener("click", () => { state.picked = []; draw(); });
  const pickBest = () => { state.picked = [...new Set(sortedRows().slice(0, 5).flatMap(row => row.runs))]; draw(); };
  element("pick-best").addEventListener("click", pickBest);
  drawImportance();
  pickBest();
  document.documentElement.dataset.ready = "true";
}

start();
