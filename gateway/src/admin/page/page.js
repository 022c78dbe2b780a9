// Asks the admin port, shows what it says, and says so when it is silent.

const PROMISE_US = 11000;
const STALE_MS = 5000;
const POLL_MS = 2000;
const MAX_SAMPLES = 900;

let token = null;
let samples = [];
let lastHeard = 0;
let lowestThresholdUs = null;
let askedForToken = null;

function askToken() {
  askedForToken ??= new Promise((done) => {
    const dialog = byId("token");
    dialog.addEventListener("close", () => {
      token = byId("token-text").value.trim();
      byId("token-text").value = "";
      askedForToken = null;
      done();
    }, { once: true });
    dialog.showModal();
  });
  return askedForToken;
}

// One request to this port; asks for the token where it is needed.
async function ask(path, options = {}) {
  const headers = { Accept: "application/json", ...options.headers };
  if (token) headers.Authorization = `Bearer ${token}`;
  const answer = await fetch(path, { ...options, headers, cache: "no-store" });
  if (answer.status === 401) {
    await askToken();
    return ask(path, options);
  }
  return answer;
}

async function read(path) {
  const answer = await ask(path);
  return answer.ok ? answer.json() : null;
}

function confirmed(what) {
  const dialog = byId("confirm");
  byId("confirm-what").textContent = what;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((done) => dialog.addEventListener("close", () => done(dialog.returnValue === "yes"), { once: true }));
}

async function change(path, what, body) {
  if (!(await confirmed(what))) return;
  const headers = { "Content-Type": "application/json" };
  const answer = await ask(path, { method: "POST", headers, body: body && JSON.stringify(body) });
  if (!answer.ok) {
    const { error } = await answer.json().catch(() => ({ error: `status ${answer.status}` }));
    await confirmed(`Refused: ${error}`);
  }
  await refresh();
}

const FORCE_EFFECTS = {
  open: "reject its requests until somebody closes or resets it",
  close: "admit all its requests now; the rules go on judging",
  reset: "close it and forget what it has learned",
};
const STEER_EFFECTS = {
  restart: "load a new session beside the old one, then replace it",
  pause: "take it out of service; its session stays loaded",
  resume: "put it back into service",
  drain: "take it out of service and free its session",
};

const force = (key, name) => change(`/admin/breakers/${encodeURIComponent(key)}/${name}`,
  `${name} the breaker ${key}: ${FORCE_EFFECTS[name]}.`, { who: "the admin page", why: "" });
const steer = (id, name) => change(`/admin/actors/${encodeURIComponent(id)}/${name}`, `${name} the actor ${id}: ${STEER_EFFECTS[name]}.`);
const canaryAct = (model, name) => change(`/admin/canary/${name}`, `${name} the canary of ${model}.`, { model });

async function refresh() {
  const [actors, breakers, pool, arena, events] = await Promise.all(
    ["/admin/actors", "/admin/breakers", "/admin/pool", "/admin/arena", "/admin/events"].map(read));
  if (breakers) {
    const list = breakers.breakers;
    showBreakers(list, force);
    const thresholds = list.map((breaker) => breaker.threshold_us).filter((us) => us);
    lowestThresholdUs = thresholds.length ? Math.min(...thresholds) : null;
  }
  if (actors) showActors(actors, steer);
  if (pool) showModels(pool);
  if (arena) showArena(arena);
  if (events) showEvents(events);
  showCanaries((await read("/admin/canary")) ?? [], canaryAct);
}

function charts() {
  const now = samples.at(-1)?.at_ms ?? Date.now();
  const line = (name, value) => ({ name, points: samples.map((sample) => [sample.at_ms, value(sample)]) });
  const levels = [{ name: "promise", value: PROMISE_US }];
  if (lowestThresholdUs) levels.push({ name: "threshold", value: lowestThresholdUs });
  draw(byId("latency"), { lines: [line("p99", (s) => s.p99_us), line("p50", (s) => s.p50_us)], levels, format: micros, now });
  const failures = (sample) => Object.values(sample.errors).reduce((sum, n) => sum + n, 0);
  draw(byId("requests"), { lines: [line("rate", (s) => s.requests_per_s), line("failed", failures)], format: (n) => n.toLocaleString(), now });
  showCodes(samples);
  const newest = samples.at(-1);
  if (!newest) return;
  byId("p99").textContent = micros(newest.p99_us);
  byId("p50").textContent = micros(newest.p50_us);
  byId("rate").textContent = Math.round(newest.requests_per_s).toLocaleString();
  byId("errors").textContent = failures(newest).toLocaleString();
  byId("cores").textContent = newest.cores.toFixed(2);
}

function take(sample) {
  lastHeard = Date.now();
  samples.push(sample);
  samples = samples.slice(-MAX_SAMPLES);
  if (!document.hidden) charts();
}

// EventSource cannot send the token, so the stream is read by hand.
async function follow() {
  for (;;) {
    try {
      samples = (await read("/admin/history")) ?? [];
      charts();
      const answer = await ask("/admin/live");
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        text += value;
        const events = text.split("\n\n");
        text = events.pop();
        for (const event of events) if (event.startsWith("data: ")) take(JSON.parse(event.slice(6)));
      }
    } catch {
      // The gateway is away; the page says so by its age.
    }
    await new Promise((done) => setTimeout(done, POLL_MS));
  }
}

function age() {
  const silent = lastHeard ? Date.now() - lastHeard : Infinity;
  const old = silent > STALE_MS;
  byId("stale").hidden = !old || !lastHeard;
  document.body.classList.toggle("old", old && lastHeard > 0);
  byId("age").textContent = lastHeard ? `updated ${new Date(lastHeard).toLocaleTimeString()}` : "";
  const ready = byId("ready");
  ready.textContent = old ? "no answer" : "serving";
  ready.className = `pill ${old ? "bad" : "good"}`;
}

function requestOf(form) {
  const fields = new FormData(form);
  const request = { user_id: fields.get("user_id"), top_k: Number(fields.get("top_k")) };
  if (fields.get("scene")) request.scene = fields.get("scene");
  const include = fields.get("include").split(",").map((name) => name.trim()).filter(Boolean);
  if (include.length) request.include = include;
  return request;
}

byId("try").addEventListener("submit", async (event) => {
  event.preventDefault();
  const headers = { "Content-Type": "application/json" };
  const body = JSON.stringify(requestOf(event.target));
  const answer = await ask("/admin/try", { method: "POST", headers, body });
  const found = await answer.json().catch(() => ({ error: `status ${answer.status}` }));
  byId("items").replaceChildren();
  if (!answer.ok) {
    byId("try-status").textContent = found.error;
    return;
  }
  const degraded = found.degraded ? `, degraded: ${found.degraded_reason}` : "";
  byId("try-status").textContent = `${found.model} version ${found.model_version}${degraded}`;
  for (const { item_id: item, score, ...rest } of found.items) {
    const extra = Object.entries(rest).map(([name, value]) => `, ${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`);
    byId("items").append(element("li", { text: `${item} (${score.toFixed(4)})${extra.join("")}` }));
  }
  showTiming(found.timing_us);
});

byId("curl").addEventListener("click", async () => {
  const config = await read("/admin/config");
  const quoted = JSON.stringify(requestOf(byId("try"))).replaceAll("'", "'\\''");
  const address = config?.http?.address ?? "127.0.0.1:8000";
  const text = `curl -s http://${address}/v2/recommend/item -H 'content-type: application/json' -d '${quoted}'`;
  await navigator.clipboard.writeText(text).then(() => "copied", () => text).then((said) => { byId("try-status").textContent = said; });
});

setInterval(age, 500);
setInterval(() => { if (!document.hidden) refresh().catch(() => {}); }, POLL_MS);
document.addEventListener("visibilitychange", () => { if (!document.hidden) charts(); });
refresh().catch(() => {});
follow();
