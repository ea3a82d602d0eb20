// The charts of a trace, drawn from the numbers of its table: the table is what there is, a chart is a way to look at it.
"use strict";

(function () {
  const drawn = new Map();

  function numbers(name) {
    return Array.from(document.querySelectorAll("#trace [data-" + name + "]"), function (cell) {
      const text = cell.dataset[name];
      return text === "" ? null : Number(text);
    });
  }

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function draw(place) {
    const name = place.dataset.chart;
    const log = place.dataset.scale === "log";
    // powers of ten on an even scale: a logarithmic one would draw a line for each of their multiples
    const values = numbers(name).map(function (value) { return !log || value === null ? value : value > 0 ? Math.log10(value) : null; });
    const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "12px sans-serif" };
    const size = { width: Math.max(place.clientWidth, 200), height: 200 };
    const options = Object.assign({
      legend: { show: false },
      cursor: { show: false },
      scales: { x: { time: false } },
      axes: [
        Object.assign({}, axis, { size: 30, incrs: [1, 2, 5, 10, 20, 50] }),
        Object.assign({}, axis, { size: 74 }, log ? { incrs: [1, 2, 5, 10, 20, 50] } : {}, { values: function (_plot, ticks) {
          return ticks.map(function (tick) { return log ? "1e" + tick : String(Number(tick.toPrecision(9))); });
        } }),
      ],
      series: [{}, { stroke: colour("--accent"), width: 2, points: { show: true, size: 6, fill: colour("--accent") } }],
    }, size);
    if (drawn.has(name)) {
      drawn.get(name).destroy();
    }
    place.replaceChildren();
    drawn.set(name, new uPlot(options, [numbers("round"), values], place));
  }

  function drawAll() {
    document.querySelectorAll("[data-chart]").forEach(draw);
  }

  document.addEventListener("DOMContentLoaded", drawAll);
  document.addEventListener("htmx:afterSettle", drawAll);
  window.addEventListener("resize", drawAll);
  for (const look of ["(prefers-color-scheme: dark)", "print"]) {
    window.matchMedia(look).addEventListener("change", drawAll);
  }
})();
