"use strict";
// The channel explorer: which channels are shown, and what of each. Drawing is Plotly's.
const networks = JSON.parse(document.getElementById("channels").textContent);
const [chosenNetwork, chosenLayer] = ["network", "layer"].map((id) => document.getElementById(id));
const ALL = "all layers";
const HALVES = { high: ["high half", "#0b5fa5", "triangle-up"], low: ["low half", "#b34700", "triangle-down"] };
const look = { margin: { l: 55, r: 10, t: 34, b: 45 }, font: { family: "system-ui, sans-serif", size: 13 }, hovermode: "closest" };
const OCTAVES = Array.from({ length: 14 }, (_, exponent) => 2 ** (exponent - 6)); // from 1/64 to 128 cycles per degree
const options = { responsive: true, displaylogo: false, displayModeBar: false };
const decoded = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
const shares = (bytes, row, length) => Array.from(bytes.subarray(row * length, (row + 1) * length), (shade) => shade / 255);
const number = (value) => (value === null ? "not scored" : value.toFixed(2));

for (const network of networks) {
  network.radial = decoded(network.radial);
  network.oriented = decoded(network.oriented);
  if (network.filters) network.filters.pixels = decoded(network.filters.pixels);
  chosenNetwork.add(new Option(network.weights === "random" ? `${network.network} (random weights)` : network.network));
}

function listLayers() {
  const before = chosenLayer.value;
  chosenLayer.replaceChildren(...[ALL, ...networks[chosenNetwork.selectedIndex].layers].map((name) => new Option(name)));
  chosenLayer.value = [...chosenLayer.options].some((option) => option.value === before) ? before : chosenLayer.options[1].value;
}

function drawScores() {
  const network = networks[chosenNetwork.selectedIndex];
  const layer = network.layers.indexOf(chosenLayer.value); // -1: all
  const shown = network.channel.map((_, unit) => unit).filter((unit) => (layer < 0 || network.layer[unit] === layer) && network.pe[unit] !== null);
  const traces = Object.entries(HALVES).map(([half, [name, color, symbol]]) => {
    const units = shown.filter((unit) => network.halves[network.half[unit]] === half);
    return {
      type: units.length > 5000 ? "scattergl" : "scatter", mode: "markers", name, customdata: units, marker: { color, symbol, size: 7, opacity: 0.7 },
      x: units.map((unit) => network.mu1[unit]), y: units.map((unit) => network.mu2[unit]),
      text: units.map((unit) => `${network.layers[network.layer[unit]]}, channel ${network.channel[unit]}`),
      hovertemplate: "%{text}<br>μ₁ %{x:.2f}, μ₂ %{y:.2f}<extra></extra>",
    };
  });
  traces.push({
    type: "scatter", mode: "markers", name: "chosen", hoverinfo: "skip", x: [], y: [],
    marker: { symbol: "circle-open", size: 15, color: "#1d2430", line: { width: 2 } },
  });
  const plot = document.getElementById("scores");
  Plotly.react(plot, traces, {
    ...look, xaxis: { title: { text: "frequency sensitivity μ₁" }, rangemode: "tozero" },
    yaxis: { title: { text: "orientation selectivity μ₂" }, range: [0, 1] }, legend: { orientation: "h", y: 1.08 },
  }, options);
  for (const event of ["plotly_hover", "plotly_unhover", "plotly_click"]) plot.removeAllListeners(event);
  const ring = traces.length - 1;
  let kept = shown.reduce((best, unit) => (best === null || network.pe[unit] > network.pe[best] ? unit : best), null);
  const keep = (unit) => {
    kept = unit;
    Plotly.restyle(plot, { x: [[network.mu1[unit]]], y: [[network.mu2[unit]]] }, [ring]);
    drawChannel(network, unit);
  };
  plot.on("plotly_hover", (found) => drawChannel(network, found.points[0].customdata));
  plot.on("plotly_unhover", () => drawChannel(network, kept));
  plot.on("plotly_click", (found) => keep(found.points[0].customdata));
  if (kept !== null) keep(kept);
}

function drawChannel(network, unit) {
  const layer = network.layers[network.layer[unit]];
  document.getElementById("channel").textContent =
    `${network.network}, ${layer}, channel ${network.channel[unit]}: PE ${number(network.pe[unit])}, μ₁ ${number(network.mu1[unit])}, ` +
    `μ₂ ${number(network.mu2[unit])}; ${network.halves[network.half[unit]] || "neither"} half of its layer`;
  const { frequency, orientation, filters } = network;
  Plotly.react("frequency", [
    { x: frequency, y: network.sensitivity, name: "human contrast sensitivity", fill: "tozeroy", line: { color: "#3c8d6e", dash: "dash" } },
    { x: frequency, y: shares(network.radial, unit, frequency.length), name: "this channel", mode: "lines+markers", line: { color: "#c77700" }, marker: { size: 4 } },
  ], {
    ...look, xaxis: { type: "log", title: { text: "cycles per degree" }, tickvals: OCTAVES }, yaxis: { title: { text: "share of largest" }, range: [0, 1.05] },
    legend: { orientation: "h", y: 1.25 },
  }, options);
  const turn = shares(network.oriented, unit, orientation.length);
  const around = [...orientation, ...orientation.map((angle) => angle + 180), orientation[0] + 360];
  Plotly.react("orientation", [{ type: "scatterpolar", theta: around, r: [...turn, ...turn, turn[0]], fill: "toself", line: { color: "#0b5fa5" }, mode: "lines" }], {
    ...look, margin: { l: 40, r: 40, t: 60, b: 30 }, polar: { radialaxis: { range: [0, 1], showticklabels: false }, angularaxis: { dtick: 45 } },
    title: { text: network.oriented_at[unit] === null ? "no response" : `orientation, at ${network.oriented_at[unit].toFixed(1)} cycles per degree`, font: { size: 13 } },
  }, options);
  drawFilter(filters && filters.layer === layer ? filters : null, network.channel[unit]);
}

function drawFilter(filters, channel) {
  const canvas = document.getElementById("filter");
  canvas.hidden = filters === null;
  if (filters === null) return;
  const { width, height, pixels } = filters;
  [canvas.width, canvas.height] = [width, height];
  const image = new ImageData(width, height);
  for (let place = 0; place < width * height; place++) {
    const start = 3 * (channel * width * height + place);
    image.data.set([...pixels.subarray(start, start + 3), 255], 4 * place);
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

chosenNetwork.addEventListener("change", () => { listLayers(); drawScores(); });
chosenLayer.addEventListener("change", drawScores);
listLayers();
drawScores();
