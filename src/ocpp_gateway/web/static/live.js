// Keeps what a page shows of chargers true. An element with data-live="registers.power_w" data-form="kw" shows that
// value of the charger (and connector) that it stands in; whoever wants the whole listens to "charger" on document.

import { say, tone } from "./words.js";

const at = (view, path) => path.split(".").reduce((value, name) => value?.[name], view);

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
    const answers = modbus.connected && !modbus.unreachable;
    setChip(element, answers ? "calm" : "bad", answers ? "Modbus answers" : "Modbus silent");
  },
  central(element, central) {
    setChip(element, central.connected ? "calm" : "bad", central.connected ? "Central system connected" : "Central system away");
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
      const shown = connector ? view.connectors.find((one) => String(one.connector_id) === connector) : view;
      if (shown) paint(element, shown);
    }
  }
  document.dispatchEvent(new CustomEvent("charger", { detail: view }));
}

function stand(up) {
  const shown = document.getElementById("stream");
  if (!shown) return;
  shown.className = `stream ${up ? "up" : "down"}`;
  const text = up ? "live" : "not live: the gateway does not answer";
  if (shown.textContent !== text) shown.textContent = text;
}

async function poll() {
  try {
    const answer = await fetch("/api/v1/chargers");
    stand(answer.ok);
    if (answer.ok) (await answer.json()).forEach(show);
  } catch { stand(false); }
}

setInterval(poll, 1000);
poll();
