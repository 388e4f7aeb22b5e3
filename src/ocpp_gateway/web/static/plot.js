// What all charts have in common: colours of the theme, a clock of 24 hours, steps.

export const height = 190;
export const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
export const stepped = uPlot.paths.stepped({ align: 1 });

const format = (options) => new Intl.DateTimeFormat(undefined, { hourCycle: "h23", ...options });
const clock = format({ hour: "2-digit", minute: "2-digit" });
const exactClock = format({ timeStyle: "medium" });
const day = format({ weekday: "short", hour: "2-digit", minute: "2-digit" });

function times(ticks, step_s) {
  const long = ticks.at(-1) - ticks[0] > 86_400;
  return ticks.map((tick) => (long ? day : step_s < 60 ? exactClock : clock).format(tick * 1000));
}

export function axes(unit) {
  const axis = { stroke: css("--pico-muted-color"), grid: { stroke: css("--grid"), width: 1 }, ticks: { show: false }, font: "12px system-ui" };
  return [
    { ...axis, size: 30, space: 80, values: (_, ticks, __, ___, step_s) => times(ticks, step_s) },
    { ...axis, size: 68, values: (_, ticks) => ticks.map((tick) => `${tick} ${unit}`) },
  ];
}

export const timeSeries = { label: "Time", value: (_, time_s) => (time_s === null ? "–" : exactClock.format(time_s * 1000)) };
