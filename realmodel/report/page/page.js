"use strict";
const card = JSON.parse(document.getElementById("card").textContent);
const by = (id) => document.getElementById(id);
const layers = card.layers.map((row) => row.layer);
const dense = layers.length > 16;
let kind = card.kinds[0].name;
let at = 0;
const advised = card.certificate.layers.map((layer) => layers.indexOf(layer));
let own = advised; // positions of the reader's own set; null: a point of the front

/* ---------- words ---------- */
function number(x) {
  if (x === null || x === undefined) return "—";
  const size = Math.abs(x);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return x.toExponential(1).replace("e+", "e");
  return String(Number(x.toPrecision(3)));
}
function amount(x, unit) {
  if (x === 0) return "0";
  const scaled = (steps) => {
    for (const [size, name] of steps) if (Math.abs(x) >= size) return `${number(x / size)} ${name}`;
    return `${number(x / steps.at(-1)[0])} ${steps.at(-1)[1]}`;
  };
  if (unit.startsWith("seconds")) return scaled([[1, "s"], [1e-3, "ms"], [1e-6, "µs"]]);
  if (unit.startsWith("bytes")) return scaled([[1e9, "GB"], [1e6, "MB"], [1e3, "kB"], [1, "B"]]);
  if (unit.startsWith("operations")) return scaled([[1e12, "TFLOP"], [1e9, "GFLOP"], [1e6, "MFLOP"], [1e3, "kFLOP"], [1, "FLOP"]]);
  return scaled([[1e6, "M"], [1e3, "k"], [1, ""]]).trim();
}
const percent = (x) => `${(100 * x).toFixed(x < 0.0995 ? 1 : 0)}%`;
const list = (own) => own.length === 1 ? `layer ${own[0]}` : `layers ${own.slice(0, -1).join(", ")} and ${own.at(-1)}`;

/* ---------- drawing ---------- */
function draw(parent, name, attributes, text) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  parent.append(node);
  return node;
}
function element(parent, name, text, attributes = {}) {
  const node = document.createElement(name);
  if (text !== undefined && text !== null) node.textContent = text;
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  parent.append(node);
  return node;
}
/* One unit of the drawing is one of the screen's, so that labels keep their size on a phone. */
function fitted(svg, usual, high) {
  const wide = Math.round(svg.getBoundingClientRect().width) || usual;
  svg.setAttribute("viewBox", `0 0 ${wide} ${high}`);
  return wide;
}
function ticks(low, high, count) {
  const raw = (high - low) / count || 1;
  const base = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * base).find((s) => s >= raw);
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step * 1e-9; value += step) found.push(value);
  return found;
}

/* ---------- the model: gain and cost of any set ---------- */
function doubles(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0)), view = new DataView(bytes.buffer);
  return Float64Array.from({ length: bytes.length / 8 }, (_, i) => view.getFloat64(8 * i, true));
}
const model = { sizes: card.quadratic.sizes, u: doubles(card.quadratic.gradient), below: doubles(card.quadratic.coupling) };
model.starts = model.sizes.map((_, i) => model.sizes.slice(0, i).reduce((a, b) => a + b, 0));
/* Half the squared norm of R^-1 u with (I + M) = R R' on the set's coordinates: its joint gain. */
function gainOf(positions) {
  const index = positions.flatMap((l) => Array.from({ length: model.sizes[l] }, (_, i) => model.starts[l] + i));
  const n = index.length, R = Array.from({ length: n }, (_, i) => new Float64Array(i + 1)), y = new Float64Array(n);
  let gain = 0;
  for (let i = 0; i < n; i++) {
    const Ri = R[i];
    let rest = 1, right = model.u[index[i]];
    for (let j = 0; j < i; j++) {
      const Rj = R[j];
      let entry = model.below[index[i] * (index[i] - 1) / 2 + index[j]];
      for (let k = 0; k < j; k++) entry -= Ri[k] * Rj[k];
      Ri[j] = Rj[j] > 0 ? entry / Rj[j] : 0;
      rest -= Ri[j] * Ri[j];
      right -= Ri[j] * y[j];
    }
    Ri[i] = rest > n * Number.EPSILON ? Math.sqrt(rest) : 0; // a direction that others hold already
    y[i] = Ri[i] > 0 ? right / Ri[i] : 0;
    gain += y[i] * y[i];
  }
  return gain / 2;
}
/* What the model's gain is taken to come to: calibrated where the card has a pilot. */
function expected(gain) {
  const curve = card.level;
  if (curve === null) return gain;
  return curve.rate * gain / (1 + (curve.ceiling === null ? 0 : curve.rate * gain / curve.ceiling));
}
function costOf(positions, name) {
  const cost = card.costs[name];
  return cost.base + cost.per_depth * (layers.length - Math.min(...positions)) +
    positions.reduce((sum, l) => sum + cost.per_layer[l], 0);
}

/* ---------- the choice ---------- */
const points = () => card.fronts[kind];
/* A level that cannot come true is shown as a share. */
const level = (gain) => card.forecast ? number(gain) : percent(gain / card.whole.gain);
const half = (point) => point.gain_error === null ? null : 1.96 * point.gain_error;
const recommended = () => own !== null && own.length === advised.length && own.every((l, i) => l === advised[i]);
/* Where its sampling interval ends: of a front's point and of the recommended layers. */
function ends(point) {
  const spread = half(point);
  if (spread !== null) return [Math.max(point.gain - spread, 0), point.gain + spread];
  const { interval: [low, high] } = card.recommended;
  return recommended() && low < high ? [low, high] : null;
}
function chosen() {
  if (own === null) return points()[at];
  const costs = Object.fromEntries(card.tiles.map((item) => [item.name, costOf(own, item.name)]));
  return { layers: own.map((l) => layers[l]), gain: expected(gainOf(own)), gain_error: null, costs };
}
function toggle(position) {
  const now = own ?? points()[at].layers.map((layer) => layers.indexOf(layer));
  const next = now.includes(position) ? now.filter((l) => l !== position) : [...now, position].sort((a, b) => a - b);
  if (next.length === 0) {
    by("chosen").textContent = "At least one layer has to stay.";
    return;
  }
  own = next;
  show();
}

function frontChart() {
  const svg = by("front");
  svg.querySelectorAll(":not(title)").forEach((node) => node.remove());
  const front = points();
  const unit = card.kinds.find((item) => item.name === kind);
  const wide = fitted(svg, 560, 300);
  const left = 52, right = wide - 12, top = 12, bottom = 256;
  const costs = front.map((p) => p.costs[kind]);
  const whole = card.whole;
  const x0 = Math.min(...costs, 0), x1 = Math.max(...costs, whole.costs[kind]) * 1.02 || 1;
  const y1 = Math.max(whole.gain, ...front.map((p) => p.gain + (half(p) || 0))) * 1.06 || 1;
  const x = (cost) => left + (right - left) * (cost - x0) / (x1 - x0 || 1);
  const y = (gain) => bottom - (bottom - top) * Math.max(gain, 0) / y1;
  const grid = card.forecast ? ticks(0, y1, 4) : ticks(0, y1 / whole.gain, 4).map((part) => part * whole.gain);
  for (const value of grid) {
    draw(svg, "line", { x1: left, x2: right, y1: y(value), y2: y(value), class: "axis" });
    draw(svg, "text", { x: left - 8, y: y(value) + 4, "text-anchor": "end" }, level(value));
  }
  for (const value of ticks(x0, x1, Math.max(2, Math.round(wide / 110)))) {
    draw(svg, "text", { x: x(value), y: bottom + 18, "text-anchor": "middle" }, amount(value, unit.unit));
  }
  draw(svg, "text", { x: (left + right) / 2, y: bottom + 38, "text-anchor": "middle" }, unit.axis);
  draw(svg, "line", { x1: left, x2: right, y1: y(whole.gain), y2: y(whole.gain), class: "ceiling" });
  if (front.every((p) => half(p) !== null)) {
    const upper = front.map((p) => `${x(p.costs[kind])},${y(p.gain + half(p))}`);
    const lower = front.map((p) => `${x(p.costs[kind])},${y(p.gain - half(p))}`).reverse();
    draw(svg, "polygon", { points: [...upper, ...lower].join(" "), class: "band" });
  }
  draw(svg, "polyline", { points: front.map((p) => `${x(p.costs[kind])},${y(p.gain)}`).join(" "), class: "front" });
  const told = (p) => `${list(p.layers)}: gain ${level(p.gain)}, ${amount(p.costs[kind], unit.unit)}`;
  front.forEach((p, i) => {
    const on = own === null && i === at;
    const dot = draw(svg, "circle", { cx: x(p.costs[kind]), cy: y(p.gain), r: on ? 8 : 4, class: on ? "point on" : "point" });
    dot.addEventListener("click", () => choose(i));
    draw(dot, "title", {}, told(p));
  });
  if (own === null) svg.append(svg.querySelectorAll("circle")[at]);
  else {
    const mine = chosen(), cx = x(mine.costs[kind]), cy = y(mine.gain);
    const mark = draw(svg, "path", { d: `M${cx},${cy - 9}l9,9l-9,9l-9,-9z`, class: "point on", id: "own-point" });
    draw(mark, "title", {}, `${recommended() ? (card.refused ? "the model's own" : "recommended") : "your own"}: ${told(mine)}`);
  }
  by("front-label").textContent = `Pareto front of gain against ${unit.axis}: ${front.length} placements, ` +
    `gain from ${level(front[0].gain)} to ${level(front.at(-1).gain)}${card.forecast ? " nats per token" : " of that of all layers"}`;
  by("front-unit").textContent = card.forecast ? "nats per token" : "share of the gain of all layers";
}

function configuration(point) {
  const modules = card.layers.filter((row) => point.layers.includes(row.layer)).flatMap((row) => row.modules);
  return { ...card.lora, target_modules: modules };
}

function show() {
  const front = points(), point = chosen(), whole = card.whole;
  const unit = card.kinds.find((item) => item.name === kind);
  const slider = by("budget");
  slider.max = front.length - 1;
  slider.value = at;
  by("back").hidden = own === null;
  const share = whole.costs[kind] > 0 ? point.costs[kind] / whole.costs[kind] : 1;
  const budget = `${amount(point.costs[kind], unit.unit)}, ${percent(share)} of adapting every layer`;
  by("budget-text").textContent = budget;
  by("gain").textContent = level(point.gain);
  by("gain").dataset.exact = point.gain;
  by("gain-unit").textContent = card.forecast ? "nats per token, predicted gain" : "of the gain of all layers";
  const reach = ends(point);
  const interval = reach !== null ? `95% sampling interval ${level(reach[0])} to ${level(reach[1])}. ` :
    own === null || recommended() ? "No interval: the card holds no replicates. " : "No interval for a set of your own. ";
  by("interval").textContent = interval + (card.forecast
    ? `${percent(point.gain / whole.gain)} of the ${number(whole.gain)} that all ${layers.length} layers predict.`
    : "The order is meant: the level is no forecast.");
  const words = `${own === null ? "Adapt" : recommended() ? `${card.refused ? "The model's own" : "Recommended"}:` : "Your own:"} ${list(point.layers)}.`;
  by("chosen").textContent = words;
  slider.setAttribute("aria-valuetext", `${budget}. ${words} Predicted gain ${level(point.gain)}${card.forecast ? " nats per token" : " of that of all layers"}`);
  by("strip").querySelectorAll("button").forEach((button, i) => {
    const on = point.layers.includes(layers[i]);
    button.classList.toggle("on", on);
    button.setAttribute("aria-pressed", on);
  });
  const tiles = by("tiles");
  tiles.replaceChildren();
  for (const item of card.tiles) {
    const tile = element(tiles, "div", null, { class: "tile" });
    element(tile, "dt", item.title);
    element(tile, "dd", amount(point.costs[item.name], item.unit));
    const all = whole.costs[item.name];
    element(tile, "dd", all > 0 ? `${percent(point.costs[item.name] / all)} of all layers` : "no cost");
  }
  by("config").textContent = JSON.stringify(configuration(point), null, 2);
  by("copied").textContent = "";
  document.querySelectorAll("[data-layer]").forEach((node) =>
    node.classList.toggle("on", point.layers.includes(Number(node.dataset.layer))));
  beside(point);
  frontChart();
}
function beside(point) {
  const row = by("own");
  row.hidden = own === null || recommended();
  if (row.hidden) return;
  const { end, reference } = card.axis, [held, track, predicted, difference] = row.querySelectorAll("td");
  held.textContent = point.layers.join(", ");
  track.firstChild.style.width = `${100 * Math.min(point.gain / (card.forecast ? 1 : reference) / end, 1)}%`;
  predicted.textContent = card.forecast ? number(point.gain) : percent(point.gain / reference);
  const more = 100 * (point.gain / reference - 1);
  difference.textContent = `${more < 0 ? "" : "+"}${more.toFixed(Math.abs(more) < 9.95 ? 1 : 0)}%`;
}
function choose(i) { at = i; own = null; show(); }

/* The smallest budget with at least the gain of the recommended layers. */
function nearest() {
  const found = points().findIndex((p) => p.gain >= card.recommended.gain * (1 - 1e-9));
  return found < 0 ? points().length - 1 : found;
}

/* ---------- profiles ---------- */
function profile(column) {
  const values = card.layers.map((row) => row[column.name]);
  const positive = values.filter((v) => v > 0);
  const item = { ...column, log: column.log && Math.max(...positive) > 30 * Math.min(...positive) };
  const known = values.filter((v) => v !== null && (!item.log || v > 0));
  if (known.length === 0) return;
  const errors = item.error ? card.layers.map((row) => row[item.error]) : values.map(() => null);
  const figure = element(by("profiles"), "figure");
  const caption = element(figure, "figcaption");
  element(caption, "h3", item.title, { title: item.help });
  element(caption, "span", item.unit + (item.log ? ", log scale" : ""), { class: "small quiet" });
  const svg = draw(figure, "svg", { role: "img", height: 132 });
  const best = values.indexOf(known.reduce((a, b) => (b > a ? b : a)));
  draw(svg, "title", {}, `${item.title} by layer: largest ${number(values[best])} at layer ${layers[best]}, ` +
    `smallest ${number(known.reduce((a, b) => (b < a ? b : a)))}`);
  const wide = fitted(svg, 320, 132);
  const left = 44, right = wide - 2, top = 8, bottom = 112;
  const high = Math.max(...values.map((v, i) => (v ?? 0) + (errors[i] ?? 0))) * (item.log ? 1 : 1.04) || 1;
  const low = item.log ? 10 ** Math.floor(Math.log10(Math.min(...known))) / 1.0001 : 0;
  const scale = (v) => item.log ? Math.log10(v / low) / Math.log10(high / low) : v / high;
  const y = (v) => bottom - (bottom - top) * Math.max(scale(v), 0);
  let marks = ticks(0, high, 3);
  if (item.log) {
    const decades = Math.log10(high / low);
    const step = Math.max(1, Math.ceil(decades / 3));
    marks = [];
    for (let e = Math.ceil(Math.log10(low) - 1e-3); e <= Math.log10(high) + 1e-9; e += step) marks.push(10 ** e);
  }
  for (const value of marks) {
    draw(svg, "line", { x1: left, x2: right, y1: y(value), y2: y(value), class: "axis" });
    draw(svg, "text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, number(value));
  }
  const width = (right - left) / layers.length;
  values.forEach((value, i) => {
    const x = left + i * width;
    if (i % Math.ceil(layers.length * 22 / (right - left)) === 0) draw(svg, "text", { x: x + width / 2, y: bottom + 15, "text-anchor": "middle" }, layers[i]);
    if (value === null || (item.log && value <= 0)) {
      const none = draw(svg, "text", { x: x + width / 2, y: bottom - 4, "text-anchor": "middle" }, "—");
      draw(none, "title", {}, `layer ${layers[i]}: ${card.layers[i].reasons[item.name] || "no number"}`);
      return;
    }
    const bar = draw(svg, "rect", { x: x + width * 0.12, width: width * 0.76, y: y(value), height: Math.max(bottom - y(value), 0.5), rx: Math.min(2, width / 4), class: "bar", "data-layer": layers[i] });
    const error = errors[i];
    draw(bar, "title", {}, `layer ${layers[i]}: ${number(value)}${error === null ? "" : ` ± ${number(error)}`}`);
    if (error) draw(svg, "line", { x1: x + width / 2, x2: x + width / 2, y1: y(Math.max(value - error, item.log ? low : 0)), y2: y(value + error), class: "error" });
  });
}

/* ---------- coupling ---------- */
const MATRICES = {
  signed_matrix: {
    text: "Blue: redundant, the two layers offer the same improvement, so adapt one. Orange: synergistic, together they gain more than apart. Near white: independent.",
    low: "synergistic", high: "redundant", signed: true,
  },
  matrix: {
    text: "Cosine of the smallest angle between what two layers can change: 1 means that some change of one is a change of the other.",
    low: "0", high: "1", signed: false,
  },
};
/* Light enough for dark text or dark enough for white: no cell lies between, so all have 4.5:1. */
const PAPER = [247, 249, 252], BLUE = [11, 98, 196], ORANGE = [166, 74, 4];
const linear = (c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
const contrast = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
function shade(value, limit, signed) {
  const t = Math.min(Math.abs(value) / limit, 1);
  const end = signed && value < 0 ? ORANGE : BLUE;
  const mixed = end.map((c, i) => Math.round(PAPER[i] + (c - PAPER[i]) * t));
  const own = luminance(mixed);
  const dark = contrast(own, 1) >= contrast(own, luminance([0, 0, 0]));
  return { colour: `rgb(${mixed.join(",")})`, ink: dark ? "#fff" : "#000" };
}
function heat() {
  const name = document.querySelector("input[name=matrix]:checked").value;
  const about = MATRICES[name], matrix = card.coupling[name];
  const limit = about.signed ? Math.max(1e-9, ...matrix.flat().map(Math.abs)) : 1;
  const table = by("heat");
  table.querySelectorAll("thead, tbody").forEach((node) => node.remove());
  table.classList.toggle("dense", dense);
  const head = element(element(table, "thead"), "tr");
  element(head, "td", null);
  const every = Math.ceil(layers.length / 18);
  layers.forEach((layer, i) => element(head, "th", i % every ? "" : layer, { scope: "col", "data-layer": layer }));
  const body = element(table, "tbody");
  matrix.forEach((row, i) => {
    const line = element(body, "tr");
    element(line, "th", i % every ? "" : layers[i], { scope: "row", "data-layer": layers[i] });
    row.forEach((value, j) => {
      const text = i === j ? `layer ${layers[i]}, itself` :
        `layers ${layers[i]} and ${layers[j]}: strength ${number(card.coupling.matrix[i][j])}, ` +
        `along the gradient ${number(card.coupling.signed_matrix[i][j])} ` +
        (Math.abs(card.coupling.signed_matrix[i][j]) < 0.05 ? "(near independent)" : card.coupling.signed_matrix[i][j] > 0 ? "(redundant)" : "(synergistic)");
      const cell = element(line, "td", i === j || limit < 0.05 ? "" : (Math.round(100 * value) / 100).toFixed(2).replace("0.", "."), { "aria-label": text, tabindex: i === 0 && j === 0 ? 0 : -1 });
      if (i !== j) {
        const { colour, ink } = shade(value, limit, about.signed);
        cell.style.background = colour;
        cell.style.color = ink;
      }
      const tell = () => { by("readout").textContent = text[0].toUpperCase() + text.slice(1) + "."; };
      cell.addEventListener("mouseenter", tell);
      cell.addEventListener("focus", tell);
      cell.addEventListener("keydown", (event) => {
        const move = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
        const next = move && body.rows[i + move[0]]?.querySelectorAll("td")[j + move[1]];
        if (!next) return;
        event.preventDefault();
        cell.tabIndex = -1;
        next.tabIndex = 0;
        next.focus();
      });
    });
  });
  by("matrix-text").textContent = about.text;
  const legend = by("legend");
  legend.replaceChildren();
  element(legend, "span", about.signed ? `${about.low} −${number(limit)}` : about.low);
  const ramp = (signs) => signs.map((v) => shade(v, 1, about.signed).colour).join(",");
  element(legend, "i").style.background = `linear-gradient(90deg,${ramp(about.signed ? [-1, -0.5, 0, 0.5, 1] : [0, 0.5, 1])})`;
  element(legend, "span", about.signed ? `${about.high} ${number(limit)}` : about.high);
}

/* ---------- prices ---------- */
function prices() {
  const { prices, layers: taken } = card.certificate;
  const limit = Math.max(...prices) || 1;
  prices.forEach((price, i) => {
    const own = taken.includes(layers[i]);
    const words = `layer ${layers[i]}: ${own ? "chosen, dropping it costs at least" : "adding it gains at most"} ${percent(price / card.certificate.gain)} of the gain`;
    const cell = element(by("prices"), "li", layers[i], { title: words, "aria-label": words });
    const { colour, ink } = shade(price, limit, false);
    cell.style.background = colour;
    cell.style.color = ink;
    cell.classList.toggle("taken", own);
  });
  by("prices-text").textContent = `The darker, the dearer: up to ${percent(limit / card.certificate.gain)} of the gain of the recommended layers, which are framed. ` +
    "A price is what a unit more of a layer is worth after the others have moved: adding a layer gains at most its price, and dropping one costs at least its price.";
}

/* ---------- start ---------- */
prices();
layers.forEach((layer, position) => {
  const button = element(element(by("strip"), "li"), "button", layer, { type: "button", "aria-label": `layer ${layer}`, "aria-pressed": "false" });
  button.addEventListener("click", () => toggle(position));
});
function profiles() {
  by("profiles").replaceChildren();
  card.profiles.forEach(profile);
}
profiles();
heat();
at = nearest();
show();
let width = innerWidth;
addEventListener("resize", () => {
  if (innerWidth === width) return; // a phone's bars come and go
  width = innerWidth;
  profiles();
  show();
});
by("back").addEventListener("click", () => { choose(at); by("budget").focus(); });
by("budget").addEventListener("input", (event) => choose(Number(event.target.value)));
document.querySelectorAll("input[name=kind]").forEach((input) =>
  input.addEventListener("change", () => {
    kind = input.value;
    at = nearest();
    show();
  }));
document.querySelectorAll("input[name=matrix]").forEach((input) =>
  input.addEventListener("change", () => { heat(); show(); }));
async function copy(text, status, button) {
  let done = false;
  try {
    await navigator.clipboard.writeText(text);
    done = true;
  } catch {
    const area = element(document.body, "textarea", null, { readonly: "" });
    area.value = text;
    area.select();
    done = document.execCommand("copy");
    area.remove();
    button.focus();
  }
  status.textContent = done ? "Copied." : "Select the text and copy it by hand.";
}
by("copy").addEventListener("click", (event) => copy(by("config").textContent, by("copied"), event.target));
document.querySelectorAll("[data-copy]").forEach((button) => button.addEventListener("click", () => {
  const shown = by(button.dataset.copy);
  shown.hidden = false;
  copy(shown.textContent, by("verdict-copied"), button);
}));
