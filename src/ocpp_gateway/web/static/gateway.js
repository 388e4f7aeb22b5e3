// What every page does by itself: times in the reader's own zone, and rows that are looked for.

import "./calls.js";
import "./live.js";
import { localTime } from "./words.js";

function localTimes() {
  for (const time of document.querySelectorAll("time[datetime]")) {
    const text = localTime(time.dateTime);
    time.title = time.dateTime;
    if (time.textContent !== text) time.textContent = text;
  }
}

function find(field) {
  const wanted = field.value.trim().toLowerCase();
  for (const row of document.querySelectorAll(field.dataset.filter)) {
    row.hidden = wanted !== "" && !row.textContent.toLowerCase().includes(wanted);
  }
}

/** The reasons for alarm come with the sums; each also stands in its charger's row. */
function alerts() {
  if (!document.getElementById("sums")) return;
  for (const row of document.querySelectorAll("tr[data-charger]")) {
    const reason = document.querySelector(`[data-charger-alert="${CSS.escape(row.dataset.charger)}"] span`);
    row.querySelector(".alert").textContent = reason?.textContent ?? "";
  }
}

function refresh() {
  localTimes();
  alerts();
  document.querySelectorAll("[data-filter]").forEach(find);
}

document.addEventListener("input", (event) => { if (event.target.dataset?.filter) find(event.target); });
document.addEventListener("change", (event) => { if ("submit" in event.target.dataset) event.target.form.submit(); });
document.addEventListener("htmx:response:error", (event) => { if (event.detail.ctx?.response?.status === 401) location.assign("/log-in"); });
document.addEventListener("htmx:after:swap", refresh);
document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
refresh();
