// Charts of a connector: power with its limit as a step, and the current of each phase. What was comes from the
// history that the gateway keeps, what is from the stream of events. A value holds until the next one.

import { axes, css, height, stepped, timeSeries } from "./plot.js";

const kilo = (power_w) => (power_w === null || power_w === undefined ? null : power_w / 1000);

const KINDS = {
  power: {
    unit: "kW",
    series: [
      { label: "Power", color: "--series-power", width: 2, fill: true, then: (past) => past.power_w.map(kilo), now: (c) => kilo(c.registers?.power_w) },
      { label: "Limit", color: "--series-limit", width: 2, then: (past) => past.limit_w.map(kilo), now: (c) => kilo(c.power_limit_commanded_w) },
    ],
  },
  current: {
    unit: "A",
    series: [0, 1, 2].map((phase) => ({
      label: `L${phase + 1}`, color: `--l${phase + 1}`, width: 2, dash: [[], [8, 4], [3, 3]][phase],
      then: (past) => past.current_a[phase], now: (c) => c.registers?.current_a?.[phase] ?? null,
    })),
  },
};

const pasts = new Map(); // one question for all charts of a charger

function pastOf(identity, span_s) {
  const key = `${identity} ${span_s}`;
  if (!pasts.has(key)) {
    const since = new Date(Date.now() - span_s * 1000).toISOString();
    const asked = fetch(`/api/v1/chargers/${encodeURIComponent(identity)}/history?since=${since}`)
      .then((answer) => (answer.ok ? answer.json() : { connectors: [] }))
      .catch(() => ({ connectors: [] }))
      .finally(() => setTimeout(() => pasts.delete(key), 1000));
    pasts.set(key, asked);
  }
  return pasts.get(key);
}

class Chart {
  constructor(figure) {
    this.figure = figure;
    this.kind = KINDS[figure.dataset.chart];
    this.identity = figure.closest("[data-charger]").dataset.charger;
    this.connector = Number(figure.closest("[data-connector]").dataset.connector);
    this.latest = null;
    this.show(300);
  }

  /** The last so many seconds, from the history on. */
  async show(span_s) {
    this.span_s = span_s;
    this.rows = [[], ...this.kind.series.map(() => [])];
    this.draw();
    const { connectors } = await pastOf(this.identity, span_s);
    const past = connectors.find((one) => one.connector_id === this.connector);
    if (!past || this.span_s !== span_s) return;
    const first = this.rows[0][0] ?? Infinity;
    const count = past.at_s.filter((at_s) => at_s < first).length;
    this.rows = [past.at_s, ...this.kind.series.map((one) => one.then(past))].map((row, index) => [...row.slice(0, count), ...this.rows[index]]);
    this.paint();
  }

  draw() {
    this.plot?.destroy();
    const { unit, series } = this.kind;
    this.plot = new uPlot({
      width: this.figure.clientWidth || 300, height,
      cursor: { drag: { x: false, y: false } },
      scales: { x: { range: () => this.window() }, y: { range: (_, __, most) => [0, Math.max(most ?? 0, 1) * 1.1] } },
      axes: axes(unit),
      series: [timeSeries, ...series.map((one) => ({
        label: one.label, stroke: css(one.color), width: one.width, dash: one.dash, paths: stepped, points: { show: false },
        fill: one.fill ? `color-mix(in srgb, ${css(one.color)} 18%, transparent)` : undefined,
        value: (_, value) => (value === null || value === undefined ? "–" : `${value.toFixed(1)} ${unit}`),
      }))],
    }, this.rows, this.figure);
  }

  /** The span asked for; shorter while less than that is known, but a minute. */
  window() {
    const now_s = Date.now() / 1000;
    return [Math.max(now_s - this.span_s, Math.min(this.rows[0][0] ?? 0, now_s - 60)), now_s];
  }

  take(view) {
    const connector = view.connectors?.[this.connector];
    if (view.identity !== this.identity || !connector) return;
    this.latest = this.kind.series.map((one) => one.now(connector));
    this.add();
  }

  /** What is now goes to the right; what has left the chart goes. */
  add() {
    if (!this.latest || document.getElementById("stream").classList.contains("down")) return;
    this.rows[0].push(Date.now() / 1000);
    this.latest.forEach((value, index) => this.rows[index + 1].push(value));
    const oldest_s = Date.now() / 1000 - this.span_s;
    const gone = Math.max(this.rows[0].findIndex((at_s) => at_s >= oldest_s) - 1, 0); // one stays, for its step
    if (gone) this.rows.forEach((row) => row.splice(0, gone));
    this.paint();
  }

  paint() {
    const steps = this.rows[2].filter((value, index, row) => value !== null && value !== row[index - 1]);
    this.figure.dataset.points = this.rows[0].length;
    this.figure.dataset.limits = steps.slice(-10).join(" "); // for whoever cannot see the chart
    if (this.figure.clientWidth) this.plot.setData(this.rows);
  }

  fit() {
    if (this.figure.clientWidth && this.figure.clientWidth !== this.plot.width) this.plot.setSize({ width: this.figure.clientWidth, height });
  }
}

const charts = [...document.querySelectorAll("[data-chart]")].map((figure) => new Chart(figure));

document.addEventListener("charger", (event) => charts.forEach((chart) => chart.take(event.detail)));
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-span]");
  if (!button) return;
  const article = button.closest("article");
  article.querySelectorAll("[data-span]").forEach((one) => one.setAttribute("aria-pressed", String(one === button)));
  charts.filter((chart) => article.contains(chart.figure)).forEach((chart) => chart.show(Number(button.dataset.span)));
});
setInterval(() => charts.forEach((chart) => chart.add()), 1000); // the stream tells of changes alone
new ResizeObserver(() => charts.forEach((chart) => chart.fit())).observe(document.getElementById("content"));
document.addEventListener("toggle", () => charts.forEach((chart) => chart.fit()), true);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.forEach((chart) => { chart.draw(); chart.paint(); }));
