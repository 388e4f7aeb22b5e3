// Charts of a connector: power with its limit as a step, and the current of each phase. What was comes from the
// history that the gateway keeps, what is from the stream of events.

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const stepped = uPlot.paths.stepped({ align: 1 });
const MOST_POINTS = 5000;

const KINDS = {
  power: {
    unit: "kW",
    series: [
      { label: "Power", color: "--series-power", width: 2, fill: true, value: (c) => kilo(c.registers?.power_w) },
      { label: "Limit", color: "--series-limit", width: 2, paths: stepped, value: (c) => kilo(c.power_limit_commanded_w) },
    ],
  },
  current: {
    unit: "A",
    series: [1, 2, 3].map((n) => (
      { label: `L${n}`, color: `--l${n}`, width: 1.5, dash: [[], [6, 3], [2, 2]][n - 1], value: (c) => c.registers?.current_a?.[n - 1] ?? null }
    )),
  },
};

function kilo(power_w) {
  return power_w === null || power_w === undefined ? null : power_w / 1000;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const clockWithSeconds = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", hourCycle: "h23" });
const times = (ticks, step_s) => ticks.map((tick) => (step_s < 60 ? clockWithSeconds : clock).format(tick * 1000));

class Chart {
  constructor(figure) {
    this.figure = figure;
    this.kind = KINDS[figure.dataset.chart];
    this.identity = figure.closest("[data-charger]").dataset.charger;
    this.connector = Number(figure.closest("[data-connector]").dataset.connector);
    this.span_s = 300;
    this.rows = [[], ...this.kind.series.map(() => [])];
    this.draw();
  }

  draw() {
    this.plot?.destroy();
    const axis = { stroke: css("--pico-muted-color"), grid: { stroke: css("--grid"), width: 1 }, ticks: { show: false }, font: "12px system-ui" };
    this.plot = new uPlot({
      width: this.figure.clientWidth || 300, height: 190,
      cursor: { drag: { x: false, y: false } },
      legend: { live: true },
      scales: { x: { range: () => this.window() }, y: { range: (_, __, most) => [0, Math.max(most ?? 0, 1) * 1.1] } },
      axes: [{ ...axis, space: 70, values: (_, ticks, __, ___, step_s) => times(ticks, step_s) }, { ...axis, size: 46, values: (_, ticks) => ticks.map((tick) => `${tick} ${this.kind.unit}`) }],
      series: [{ label: "Time", value: (_, time_s) => (time_s === null ? "–" : clockWithSeconds.format(time_s * 1000)) }, ...this.kind.series.map((one) => ({
        label: one.label, stroke: css(one.color), width: one.width, paths: one.paths, dash: one.dash, points: { show: false },
        fill: one.fill ? `color-mix(in srgb, ${css(one.color)} 18%, transparent)` : undefined,
        value: (_, value) => (value === null || value === undefined ? "–" : `${value.toFixed(1)} ${this.kind.unit}`),
      }))],
    }, this.rows, this.figure);
  }

  window() {
    const now_s = Date.now() / 1000;
    return [now_s - this.span_s, now_s];
  }

  take(view) {
    const connector = view.connectors.find((one) => one.connector_id === this.connector);
    if (view.identity !== this.identity || !connector) return;
    this.rows[0].push(Date.now() / 1000);
    this.kind.series.forEach((one, index) => this.rows[index + 1].push(one.value(connector)));
    if (this.rows[0].length > MOST_POINTS) this.rows.forEach((row) => row.shift());
    this.figure.dataset.points = this.rows[0].length;
    if (this.figure.clientWidth) this.plot.setData(this.rows);
  }

  fit() {
    if (this.figure.clientWidth) this.plot.setSize({ width: this.figure.clientWidth, height: 190 });
  }
}

const charts = [...document.querySelectorAll("[data-chart]")].map((figure) => new Chart(figure));

document.addEventListener("charger", (event) => charts.forEach((chart) => chart.take(event.detail)));
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-span]");
  if (!button) return;
  const article = button.closest("article");
  article.querySelectorAll("[data-span]").forEach((one) => one.setAttribute("aria-pressed", String(one === button)));
  charts.filter((chart) => article.contains(chart.figure)).forEach((chart) => {
    chart.span_s = Number(button.dataset.span);
    chart.plot.setData(chart.rows);
  });
});
new ResizeObserver(() => charts.forEach((chart) => chart.fit())).observe(document.getElementById("content"));
document.addEventListener("toggle", () => charts.forEach((chart) => chart.fit()), true);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.forEach((chart) => chart.draw()));
