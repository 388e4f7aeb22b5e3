// The planned limit as a step, from what stands in data-schedule.

import { axes, css, height, stepped, timeSeries } from "./plot.js";

function draw(figure) {
  const { periods, covered_s } = JSON.parse(figure.dataset.schedule);
  const start_s = new Date(periods[0].from).getTime() / 1000;
  const at_s = [...periods.map((one) => start_s + one.start_s), start_s + covered_s];
  const limits = periods.map((one) => one.power_w / 1000);
  return new uPlot({
    width: figure.clientWidth, height,
    cursor: { drag: { x: false, y: false } },
    scales: { y: { range: (_, __, most) => [0, Math.max(most ?? 0, 1) * 1.1] } },
    axes: axes("kW"),
    series: [timeSeries, {
      label: "Limit", stroke: css("--series-limit"), width: 2, paths: stepped, points: { show: false },
      fill: `color-mix(in srgb, ${css("--series-limit")} 15%, transparent)`,
      value: (_, value) => (value === null ? "–" : `${value.toFixed(1)} kW`),
    }],
  }, [at_s, [...limits, limits.at(-1)]], figure);
}

const figures = [...document.querySelectorAll("[data-schedule]")];
let plots = figures.map(draw);

new ResizeObserver(() => plots.forEach((plot, index) => plot.setSize({ width: figures[index].clientWidth, height }))).observe(document.getElementById("content"));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  plots.forEach((plot) => plot.destroy());
  plots = figures.map(draw);
});
