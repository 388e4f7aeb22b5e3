// Keeps what a page shows of chargers true. An element with data-live="registers.power_w" data-form="kw" shows that
// value of the charger (and connector) that it stands in; whoever wants the whole listens to "charger" on document.

import { localTime, say, tone } from "./words.js";

const at = (view, path) => path.split(".").reduce((value, name) => value?.[name], view);

const isSeen = (modbus) => Boolean(modbus?.connected && !modbus.unreachable);

function setChip(element, kind, text) {
  element.className = `chip ${kind}`;
  if (element.textContent !== text) element.textContent = text;
}

const PAINTS = {
  bar(element, value) {
    const most = Number(element.parentElement.dataset.most) || 1;
    element.setAttribute("width", Math.min(100, (100 * (value ?? 0)) / most));
  },
  status: (element, value) => setChip(element, tone(value), value ?? "unknown"),
  modbus(element, modbus) {
    const answers = isSeen(modbus);
    setChip(element, answers ? "calm" : "bad", answers ? "Modbus answers" : "Modbus silent");
  },
  seen(element, modbus) {
    if (isSeen(modbus)) element.textContent = "now";
    else if (element.textContent === "now") element.textContent = `until ${localTime(new Date())}`;
  },
  central(element, central) {
    setChip(element, central?.connected ? "calm" : "bad", central?.connected ? "Central system connected" : "Central system away");
  },
};

function paint(element, view) {
  const { live, form } = element.dataset;
  const value = at(view, live);
  if (form in PAINTS) return PAINTS[form](element, value);
  const text = say(form, value);
  if (element.textContent !== text) element.textContent = text;
}

function show(view) {
  for (const place of document.querySelectorAll(`[data-charger="${CSS.escape(view.identity)}"]`)) {
    for (const element of place.querySelectorAll("[data-live]")) {
      const connector = element.closest("[data-connector]")?.dataset.connector;
      const shown = connector ? view.connectors?.[connector] : view;
      if (shown) paint(element, shown);
    }
  }
  document.dispatchEvent(new CustomEvent("charger", { detail: view }));
}

function stand(up) {
  const shown = document.getElementById("stream");
  const text = up ? "live" : "not live: the gateway does not answer";
  shown.className = `stream ${up ? "up" : "down"}`;
  if (shown.textContent !== text) shown.textContent = text;
}

/** A merge patch (RFC 7386) applied. */
function merge(whole, patch) {
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete whole[name];
    else if (typeof value === "object" && !Array.isArray(value)) whole[name] = merge(whole[name] ?? {}, value);
    else whole[name] = value;
  }
  return whole;
}

let source = null;
let views = {};

function listen() {
  const one = document.querySelector("main .charger")?.dataset.charger;
  views = {};
  source = new EventSource(one ? `/api/v1/events?charger=${encodeURIComponent(one)}` : "/api/v1/events");
  source.addEventListener("open", () => { views = {}; stand(true); }); // a new stream begins with all of it
  source.addEventListener("charger", (event) => {
    const patch = JSON.parse(event.data);
    show((views[patch.identity] = merge(views[patch.identity] ?? {}, patch)));
  });
  source.addEventListener("error", async () => {
    stand(false);
    if (source?.readyState !== EventSource.CLOSED) return; // it comes again by itself
    source = null;
    const answer = await fetch("/api/v1/limits").catch(() => null);
    if (answer?.status === 401) location.assign("/log-in");
    else setTimeout(() => { if (!source && !document.hidden) listen(); }, 3000);
  });
}

// A browser opens six connections to a host; a page that nobody sees needs none.
function listenWhileSeen() {
  if (document.hidden) {
    source?.close();
    source = null;
  } else if (!source) listen();
}

if (document.getElementById("stream")) {
  document.addEventListener("visibilitychange", listenWhileSeen);
  listenWhileSeen();
}
