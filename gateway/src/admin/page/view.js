// From the admin port's JSON to the page. Texts are set as text, never as markup.

const byId = (id) => document.getElementById(id);

function element(name, { text, ...properties } = {}, ...children) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  Object.assign(made, properties);
  made.append(...children);
  return made;
}

function micros(us) {
  if (us === null || us === undefined) return "–";
  if (us < 1000) return `${Math.round(us)} µs`;
  if (us < 1e6) return `${(us / 1000).toFixed(us < 1e5 ? 2 : 0)} ms`;
  return `${(us / 1e6).toFixed(2)} s`;
}

function bytes(count) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (count >= 1024 && unit < units.length - 1) {
    count /= 1024;
    unit += 1;
  }
  return `${count.toFixed(count < 10 && unit ? 1 : 0)} ${units[unit]}`;
}

const pill = (text, kind) => element("span", { className: `pill ${kind}`, text });
const cell = (text, className = "") => element("td", { className, text });

function rows(table, list, make, empty) {
  const body = table.tBodies[0];
  const columns = table.tHead.rows[0].cells.length;
  // A button that has the focus keeps it: the page redraws every few seconds.
  const focused = document.activeElement?.dataset?.key;
  body.replaceChildren(...list.map(make));
  if (!list.length) body.append(element("tr", {}, element("td", { colSpan: columns, className: "empty", text: empty })));
  if (focused) body.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

function command(label, key, act) {
  const button = element("button", { type: "button", text: label, onclick: act });
  button.dataset.key = `${key}/${label}`;
  button.setAttribute("aria-label", `${label} ${key}`);
  return button;
}

const STATE_KIND = { closed: "good", open: "bad", half_open: "warn", ramp: "warn" };
const ACTOR_KIND = { serving: "good", recycling: "warn", stalled: "bad", loading: "warn", waiting: "bad", parked: "bad", paused: "warn", draining: "warn", drained: "warn" };

function showBreakers(breakers, force) {
  rows(byId("breakers"), breakers, (breaker) => {
    const wait = breaker.open_remaining_ms;
    const probe = wait === null || wait === undefined ? "–" : `in ${Math.ceil(wait / 1000)} s`;
    const forces = element("td");
    for (const name of ["open", "close", "reset"]) {
      forces.append(command(name, breaker.key, () => force(breaker.key, name)));
    }
    return element("tr", {},
      cell(breaker.key),
      element("td", {}, pill(breaker.state.replace("_", "-"), STATE_KIND[breaker.state] ?? "")),
      cell(micros(breaker.p99_us), "number"),
      cell(micros(breaker.threshold_us), "number"),
      cell(`${Math.round(breaker.admitted_share * 100)} %`, "number"),
      cell((breaker.last_reason ?? "–").replaceAll("_", " ")),
      cell(probe),
      forces);
  }, "No request has been answered yet.");
}

function showModels(pool) {
  rows(byId("models"), pool.models, (model) => element("tr", {},
    cell(model.model),
    cell(model.version ?? "–"),
    element("td", {}, pill(model.status === "ready" ? "ready" : "unavailable", model.status === "ready" ? "good" : "bad")),
    cell(model.placement ?? "–"),
    cell(model.warm_up_run_us ? micros(model.warm_up_run_us) : "–", "number"),
    cell(model.status === "ready" ? model.placement_reason : model.status)),
  "The repository holds no model.");
}

function showActors(actors, steer) {
  rows(byId("actors"), actors.inference, (actor) => {
    const { panics, load_failures: failedLoads, kills, last_cause: cause } = actor.supervision;
    const controls = element("td");
    for (const name of ["restart", "pause", "resume", "drain"]) {
      controls.append(command(name, actor.id, () => steer(actor.id, name)));
    }
    return element("tr", {},
      cell(actor.id),
      element("td", {}, pill(actor.state, ACTOR_KIND[actor.state] ?? "")),
      cell(actor.mailbox_depth, "number"),
      cell(actor.runs ?? "–", "number"),
      cell(micros(actor.run_p99_us), "number"),
      cell(panics + failedLoads + kills, "number"),
      cell(cause || "–"),
      controls);
  }, "No model is loaded.");
}

function showArena(arena) {
  const pairs = [["state", arena.state], ["lent to requests", bytes(arena.total.leased_bytes)], ["held", bytes(arena.total.held_bytes)], ["budget", bytes(arena.budget_bytes)]];
  const shares = [["hit rate", arena.hit_ratio], ["internal fragmentation", arena.internal_fragmentation], ["external fragmentation", arena.external_fragmentation]];
  for (const [name, share] of shares) {
    if (typeof share === "number") pairs.push([name, `${(share * 100).toFixed(1)} %`]);
  }
  byId("arena").replaceChildren(...pairs.flatMap(([name, value]) => [element("dt", { text: name }), element("dd", { text: value ?? "–" })]));
  byId("arena-use").value = arena.budget_bytes ? arena.total.leased_bytes / arena.budget_bytes : 0;
}

function showCanaries(canaries, act) {
  const place = byId("canary");
  place.replaceChildren();
  for (const canary of canaries) {
    const buttons = ["promote", "rollback", "pause"].map((name) => command(name, canary.model, () => act(canary.model, name)));
    const text = `${canary.model}: canary ${canary.canary} beside ${canary.stable}, ${canary.percent} %, `
      + `P99 ${micros(canary.canary_p99_us)} against ${micros(canary.stable_p99_us)} `;
    place.append(element("p", {}, text, pill(canary.state.replace("_", " "), canary.state === "rolled_back" ? "bad" : "warn"), " ", ...buttons),
      element("p", { className: "muted", text: canary.reason ?? "" }));
  }
}

function showEvents(events) {
  const list = byId("events");
  const items = events.slice().reverse().map(({ at_ms: at, level, text }) => element("li", { className: level },
    element("span", { text: new Date(at).toLocaleTimeString() }), element("span", { text: level }), element("span", { text })));
  list.replaceChildren(...(items.length ? items : [element("li", { className: "empty", text: "Nothing has changed since the start." })]));
}

const MEANINGS = {
  "INFRA.IO.OVERLOADED": "refused: more load than the gateway can serve in time",
  "INFRA.IO.DEADLINE": "the deadline passed",
  "MODEL.IO.BREAKER_OPEN": "refused by an open breaker",
  "MODEL.IO.FAILED": "the engine failed",
  "MODEL.IO.PANICKED": "the engine panicked",
  "MODEL.CONFIG.UNAVAILABLE": "the model is not in service",
  "BUSI.INPUT.INVALID": "the caller's request is invalid",
  "MODEL.INPUT.REJECTED": "the caller's tensors do not fit the model",
};

function showCodes(samples) {
  const totals = new Map();
  for (const { errors } of samples) {
    for (const [code, count] of Object.entries(errors)) totals.set(code, (totals.get(code) ?? 0) + count);
  }
  const sorted = [...totals].sort((a, b) => b[1] - a[1]);
  rows(byId("codes"), sorted, ([code, count]) => element("tr", {}, cell(code), cell(count, "number"), cell(MEANINGS[code] ?? "see docs/API.md")), "None.");
}

const STAGES = ["parse", "features", "queue", "batch", "run", "encode"];
const STAGE_COLOURS = ["#5b8def", "#e0a030", "#9a9fa6", "#b07cc6", "#d0564a", "#4aa37c"];

function showTiming(timing) {
  const spans = STAGES.map((stage, i) => {
    const span = element("span", { title: `${stage} ${micros(timing[stage])}` });
    span.style.flexGrow = timing[stage] ?? 0;
    span.style.background = STAGE_COLOURS[i];
    return span;
  });
  byId("timing").replaceChildren(...spans);
  byId("timing-text").textContent = STAGES.map((stage) => `${stage} ${micros(timing[stage])}`).join(", ");
}
