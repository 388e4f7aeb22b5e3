// Values as people read them, in the same words as pages/words.py.

const UNKNOWN = "–";

const SOURCES = {
  installation: "the installation's maximum",
  charger_rating: "the charger's rating",
  connector_maximum: "the connector's maximum",
  charge_point_max_profile: "the central system, for the whole charger",
  tx_profile: "the central system, for this transaction",
  tx_default_profile: "the central system, for every transaction",
  gate: "the missing authorisation",
  availability: "being out of service",
  operator: "the local operator",
  another_master: "another Modbus master",
  store: "a store that cannot write",
  safe_state: "a charger that does not follow",
  station_share: "its share of the station's limit",
  current_guard: "a phase that carried too much",
};

const TONES = {
  Available: "calm", Preparing: "busy", Charging: "active", SuspendedEV: "waiting", SuspendedEVSE: "waiting",
  Finishing: "busy", Reserved: "busy", Unavailable: "off", Faulted: "bad",
};

const number = (digits, unit, divisor = 1) => (value) => `${(value / divisor).toFixed(digits)} ${unit}`;

function age(time_s) {
  for (const [unit, length_s] of [["d", 86400], ["h", 3600], ["min", 60]]) {
    if (time_s >= 2 * length_s) return `${Math.round(time_s / length_s)} ${unit}`;
  }
  return `${Math.round(time_s)} s`;
}

export function localTime(stamp) {
  const time = new Date(stamp);
  const today = time.toDateString() === new Date().toDateString();
  return today ? time.toLocaleTimeString(undefined, { hourCycle: "h23" }) : time.toLocaleString(undefined, { hourCycle: "h23" });
}

const FORMS = {
  kw: number(1, "kW", 1000), kwh: number(2, "kWh", 1000), amperes: number(1, "A"), age, time: localTime,
  source: (name) => SOURCES[name] ?? name, text: String, number: String,
  error: (code) => (code === "NoError" ? "" : code),
};

/** The text of a value in a form; a dash for one that nobody knows. */
export function say(form, value) {
  return value === null || value === undefined ? UNKNOWN : FORMS[form](value);
}

/** The colour class of an OCPP status. */
export function tone(status) {
  return TONES[status] ?? "off";
}
