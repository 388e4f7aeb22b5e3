// Every action of a page is a call of the API, the same that a script would send: <form data-api="PUT" action="…">.
// Numbers go as numbers, fields marked data-json as the JSON that they hold, empty fields not at all.

const say = (id, text) => {
  document.getElementById(id).textContent = text;
  if (text) setTimeout(() => { if (document.getElementById(id).textContent === text) say(id, ""); }, id === "said" ? 5000 : 15000);
};

function bodyOf(form) {
  const body = {};
  for (const field of form.elements) {
    if (!field.name || field.value === "" || field.disabled) continue;
    if ("json" in field.dataset) body[field.name] = JSON.parse(field.value);
    else if (field.type === "number") body[field.name] = field.valueAsNumber;
    else if (field.type === "checkbox") body[field.name] = field.checked;
    else body[field.name] = field.value;
  }
  return body;
}

async function reasonOf(answer) {
  try {
    const problem = await answer.json();
    const places = (problem.errors ?? []).map((error) => `${error.pointer}: ${error.detail}`);
    return [problem.detail ?? problem.title, ...places].join("; ");
  } catch { return `the gateway answered ${answer.status}`; }
}

/** What an action came to, where its answer says more than that it was done. */
function outcomeOf(told) {
  if (told?.reached) return told.stands_already ? "the connection stands" : `reached in ${told.took_s} s`;
  if (told?.scheduled) return "when the transaction ends";
  return told?.outcome ? told.outcome.replaceAll("_", " ") : "done";
}

async function call(form) {
  const method = form.dataset.api;
  const options = { method, headers: { "x-form-token": document.body.dataset.formToken, accept: "application/json" } };
  if (method !== "DELETE") {
    options.headers["content-type"] = "application/json";
    options.body = JSON.stringify(bodyOf(form));
  }
  say("refused", "");
  say("said", "");
  const answer = await fetch(form.action, options);
  if (!answer.ok) return say("refused", `Refused: ${await reasonOf(answer)}`);
  const told = answer.status === 204 ? null : await answer.json().catch(() => null);
  const name = form.querySelector("[type=submit]").textContent.trim();
  if (told?.reached === false) say("refused", `${name}: ${told.problem}`);
  else say("said", form.dataset.done ?? `${name}: ${outcomeOf(told)}`);
  document.body.dispatchEvent(new Event("changed"));
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.dataset.api) return;
  event.preventDefault();
  if (form.dataset.confirm && !confirm(form.dataset.confirm)) return;
  const button = form.querySelector("[type=submit]");
  button.setAttribute("aria-busy", "true");
  try {
    await call(form);
  } catch {
    say("refused", "The gateway does not answer; nothing was done.");
  } finally {
    button.removeAttribute("aria-busy");
  }
});
