// The parts of the service's API that are about people, plans, codings and reports, played in
// memory for tests of the page. `answer` gives { status, body } or null for what it does not know.

const RIGHTS = {
  viewer: ["see"],
  operator: ["see", "labels", "operate"],
  coder: ["see", "labels", "code"],
  planner: ["see", "plan"],
  maintainer: ["see", "labels", "operate", "maintain"],
  supervisor: ["see", "labels", "operate", "code", "plan", "supervise"],
  admin: ["see", "supervise", "administer"],
};
export const ROLES = Object.keys(RIGHTS);
const NOBODY = { id: "", name: "", roles: [] };

const ok = (body, status = 200) => ({ status, body });
const done = { status: 204 };
const refuse = (status, error) => ({ status, body: { error } });

export class Office {
  constructor(plant, { open = true, hostile = null } = {}) {
    this.plant = plant;
    this.open = open;
    this.hostile = hostile;
    this.people = ROLES.map((role) => ({ id: role, name: `Shift ${role}`, roles: [role], disabled: false }));
    this.signedIn = null;
    this.enrolment = false;
    this.history = [];
    this.audit = [];
    this.keys = [];
    this.claims = new Map();
    this.codings = [];
    this.told = new Map();
    const text = this.text('id = "demo"', 1);
    this.files = Object.fromEntries(["site.toml", "line.toml", "plan.toml"].map((name) => [name, { text: `# ${text}\ntarget_per_hour = 5000\n`, before: [] }]));
    const rules = plant.topology.chute
      .filter((c) => c.kind === "sort")
      .map((c) => ({ name: this.text(`to chute ${c.id}`, c.id), hop: null, country: "DE", postcode_prefix: String(c.id), chutes: [c.id], spread: false }));
    this.plans = [
      { id: 1, version: "2026-11-A", author: "plan.toml", comment: "read from the site's file", made: at(-86_400), approved_by: null, activated: at(-86_000), plan: { version: "2026-11-A", rule: rules, overflow: null, hold: 12 } },
    ];
    this.active = "2026-11-A";
  }

  text(plain, n) {
    return this.hostile ? this.hostile[n % this.hostile.length] : plain;
  }

  who() {
    if (this.open) return { id: "open", name: "", roles: ROLES };
    return this.people.find((p) => p.id === this.signedIn) ?? NOBODY;
  }

  rights() {
    return [...new Set(this.who().roles.flatMap((role) => RIGHTS[role]))];
  }

  may(right) {
    return this.rights().includes(right);
  }

  record(action, target, before, after) {
    const seq = this.audit.length + 1;
    this.audit.unshift({ seq, at: at(0), who: this.who().id, action, target: String(target), before: JSON.stringify(before), after: JSON.stringify(after) });
  }

  log(alarm, change, reason = "", until = null) {
    const [, kind, place] = /^(.*?)(?:-(\d+))?$/.exec(alarm);
    const who = ["raised", "cleared"].includes(change) ? "" : this.who().id;
    this.history.unshift({ at: at(0), alarm, kind, place: place ?? "", change, who, reason, until });
  }

  /** What needs a right, in the order it is asked. */
  need(method, path) {
    if (/^\/api\/v1\/(session|enrolment|password)/.test(path)) return null;
    if (/\/(people|keys|system\/(files|backup))/.test(path)) return "administer";
    if (path.endsWith("/audit")) return "supervise";
    if (/\/coding\/figures/.test(path)) return "see";
    if (/\/coding/.test(path)) return "code";
    if (/\/(parcels|frames)/.test(path)) return "labels";
    if (/\/(simulations|points|devices|telegrams|wear)/.test(path)) return "maintain";
    if (method === "GET") return "see";
    if (/\/plans/.test(path)) return "plan";
    return "operate";
  }

  answer(method, path, query, body) {
    const need = this.need(method, path);
    if (need && !this.may(need)) {
      return this.who() === NOBODY ? refuse(401, "sign in first") : refuse(403, "your roles do not include this");
    }
    const parts = path.replace("/api/v1/", "").split("/");
    const handler = this[`on_${parts[0]}`];
    return handler ? handler.call(this, method, parts.slice(1), query, body) : null;
  }

  on_session(method, _parts, _query, body) {
    if (method === "GET") {
      const who = this.who();
      return ok({ ...who, open: this.open, enrolment: this.enrolment, signed_in: who !== NOBODY, rights: this.rights(), four_eyes: false, site: this.text("Demonstration hub", 0), time_zone: "Europe/Berlin" });
    }
    if (method === "DELETE") {
      this.signedIn = null;
      return done;
    }
    const person = this.people.find((p) => p.id === body.id && !p.disabled);
    if (!person || body.password !== "a long password") return refuse(401, "no");
    this.signedIn = person.id;
    return done;
  }

  on_enrolment(_method, _parts, _query, body) {
    if (body.code !== "ABCD-EFGH-JKLM") return refuse(401, "no");
    this.people = [{ id: body.id, name: body.name, roles: ROLES, disabled: false }];
    this.enrolment = false;
    return done;
  }

  on_people(method, [id], _query, body) {
    if (method === "GET") return ok({ people: this.people, roles: ROLES.map((role) => ({ role, rights: RIGHTS[role] })) });
    const person = this.people.find((p) => p.id === (id ?? body.id));
    if (method === "POST") {
      if (person) return refuse(409, "this name is taken");
      this.people.push({ id: body.id, name: body.name, roles: body.roles, disabled: false });
    } else {
      if (!person) return refuse(404, "no");
      Object.assign(person, body);
    }
    this.record("account.change", id ?? body.id, null, body);
    return done;
  }

  on_keys(method, [id], _query, body) {
    if (method === "GET") return ok(this.keys);
    if (method === "DELETE") {
      this.keys = this.keys.filter((key) => key.id !== Number(id));
      return done;
    }
    this.keys.push({ id: this.keys.length + 1, name: body.name, roles: body.roles, made: at(0) });
    return ok({ id: this.keys.length, secret: "5f".repeat(32) });
  }

  on_audit(_method, _parts, query) {
    const text = query.get("query") ?? "";
    return ok({ rows: this.audit.filter((row) => JSON.stringify(row).includes(text)), damaged_at: null });
  }

  on_alarms(method, [id, act], query, body) {
    const { alarms } = this.plant;
    if (method === "GET" && id === "history") {
      const text = query.get("query") ?? "";
      return ok(this.history.filter((row) => JSON.stringify(row).includes(text)));
    }
    if (method === "GET" && id === "figures") {
      const raised = this.history.filter((row) => row.change === "raised").length;
      return ok({ hours: 8, raised, suppressed: 0, per_ten_minutes: raised / 48, worst_ten_minutes: raised, flood_share: 0, answer_s_p50: 12, worst: raised ? [["chute_full-3", raised]] : [], chattering: [] });
    }
    if (method === "GET") return ok([...alarms.values()]);
    const alarm = alarms.get(decodeURIComponent(id));
    if (!alarm) return refuse(404, "No such alarm.");
    const changes = {
      acknowledge: () => Object.assign(alarm, { acknowledged: true, silenced: true }),
      silence: () => (alarm.silenced = true),
      shelve: () => Object.assign(alarm, { state: "shelved", reason: body.reason, until: at(body.minutes * 60) }),
      unshelve: () => Object.assign(alarm, { state: "active", reason: null, until: null }),
      remove: () => Object.assign(alarm, { state: "out_of_service", reason: body.reason }),
      restore: () => Object.assign(alarm, { state: "active", reason: null }),
    };
    const names = { acknowledge: "acknowledged", silence: "silenced", shelve: "shelved", unshelve: "unshelved", remove: "out_of_service", restore: "in_service" };
    changes[act]();
    this.log(alarm.id, names[act], body?.reason, alarm.until);
    this.record(`alarm.${act}`, alarm.id, { state: "active" }, body ?? null);
    return done;
  }

  on_coding(method, [first, claim], query, body) {
    if (first === "figures") {
      const keyed = this.codings.filter((c) => c.kind === "no_read");
      return ok({ keyed: keyed.length, took_ms_p50: keyed[0]?.took_ms ?? null, samples: 40, disagreements: 1, pairs: 36, splits: 2, errors: 1, error_rate: [0.029, 0.005, 0.149], disagreement_rate: [0.025, 0.0044, 0.129], split_rate: [0.056, 0.015, 0.181] });
    }
    if (first === "places") {
      const places = [["Lyon", "FR", "69001"], ["Lübeck", "DE", "23552"], ["Leipzig", "DE", "04103"]];
      const text = (query.get("text") ?? "").toLowerCase();
      return ok(places.filter(([city]) => city.toLowerCase().startsWith(text)).map(([city, country, postcode]) => ({ city, country, postcode })));
    }
    if (first === "code") {
      const valid = query.get("text") === "RB123456785GB";
      return ok({ kind: valid ? "s10" : null, valid, destination: valid ? { country: "GB", postcode: "EC1A 1BB", city: "London" } : null });
    }
    const parcel = Number(first);
    if (claim) {
      if (method === "POST") this.claims.set(parcel, this.who().id);
      else this.claims.delete(parcel);
      return done;
    }
    const waiting = this.plant.waiting.get(parcel);
    if (!waiting || waiting.keyed_by?.includes(this.who().id)) return refuse(410, "it has passed its last position, or somebody was faster");
    if (method === "GET") return ok(this.look(waiting));
    const kind = waiting.sample ? "sample" : "no_read";
    if (waiting.sample && waiting.keyed_by.push(this.who().id) < 2) waiting.by = null;
    else this.plant.waiting.delete(parcel);
    this.plant.key(parcel, body);
    this.codings.push({ parcel, kind, ...body });
    this.record("parcel.key", parcel, null, { country: body.country });
    return ok({ kind, agrees: waiting.sample ? true : null });
  }

  /** The mock draws each label turned by its number; the service measures it. */
  look({ images }) {
    const turn = (url) => -((Number(/(\d+)\.jpg$/.exec(url)[1]) * 47) % 360);
    return {
      images: images.map((url) => ({ url, turn_deg: turn(url), crop: [250, 200, 750, 800] })),
      candidates: [
        { country: "FR", postcode: this.text("69001", 0), source: "ocr", confidence: 810 },
        { country: "FR", postcode: "69007", source: "ocr", confidence: 540 },
      ],
    };
  }

  on_plans(method, [first, act], _query, body) {
    const row = ({ plan: _plan, ...rest }) => rest;
    if (method === "GET" && !first) return ok({ active: this.active, plans: [...this.plans].reverse().map(row) });
    if (first === "check") {
      const chutes = new Set(this.plant.topology.chute.map((c) => c.id));
      const problems = body.plan.rule.flatMap((rule) =>
        rule.chutes.length === 0 ? [`rule \`${rule.name}\` has no chute`] : rule.chutes.filter((id) => !chutes.has(id)).map((id) => `${rule.name} names chute ${id}, which the line does not have`),
      );
      return ok({ problems, unused: [], total: false, overflow: true });
    }
    if (first === "dry-run") return ok({ parcels: 1000, before: { 1: 600, 2: 400 }, after: { 1: 500, 2: 400, 3: 100 }, moved: 100, examples: [] });
    if (first === "proposal") {
      const named = (id) => `chute ${id} (Chute ${id})`;
      const figures = { peak: 412, missed: 0, laps: 31, changes: 2, walk_m: 1_900 };
      const before = { peak: 640, missed: 25, laps: 88, changes: 0, walk_m: 2_050 };
      const [one, two] = this.plans[0].plan.rule;
      const moves = [
        { rule: one.name, from: named(1), to: named(9), without: { ...figures, peak: 590, laps: 60 }, why: "" },
        { rule: two.name, from: named(2), to: named(11), without: figures, why: "" },
      ];
      return ok({ quantile: 0.9, changes_max: 4, days: 6, proposal: { peak: 412, bound: 400, gap: 0.03, figures, before, rules: [], moves } });
    }
    if (first === "from-csv") {
      const [, ...lines] = body.trim().split("\n");
      return ok({ rule: lines.map((line) => { const [name, , country, , chutes] = line.split(","); return { name, country, chutes: chutes.split(" ").map(Number), spread: false }; }) });
    }
    if (!first) {
      if (this.plans.some((p) => p.version === body.plan.version)) return refuse(409, "this version is taken: give the plan another one");
      const id = this.plans.length + 1;
      this.plans.push({ id, version: body.plan.version, author: this.who().id, comment: body.comment, made: at(0), approved_by: null, activated: null, plan: body.plan });
      this.record("plan.add", body.plan.version, null, { rules: body.plan.rule.length });
      return ok({ id });
    }
    const plan = this.plans.find((p) => p.id === Number.parseInt(first, 10));
    if (!plan) return refuse(404, "there is no such plan");
    if (act === "activate") {
      this.record("plan.activate", plan.version, { version: this.active }, { version: plan.version });
      Object.assign(plan, { activated: at(0) });
      this.active = plan.version;
      this.plant.plan = plan.version;
      return ok({ version: plan.version, from_ticks: this.plant.ticks });
    }
    return ok({ version: row(plan), plan: plan.plan });
  }

  on_parcels(_method, [id], query) {
    const ended = this.plant.ended;
    if (!id) {
      const text = query.get("query") ?? "";
      const fits = (life) => ["physical", "decision"].every((kind) => !query.get(kind) || life.disposition[kind] === query.get(kind));
      return ok(ended.filter((life) => fits(life) && JSON.stringify(life).includes(text)).slice(0, 100).map((life) => ({ ...life, steps: [] })));
    }
    const life = ended.find((life) => life.id === Number(id));
    return life ? ok(life) : refuse(404, "there is no such parcel");
  }

  on_steps(_method, _parts, query) {
    const [from, to] = [Date.parse(query.get("from")), Date.parse(query.get("to"))];
    const within = this.plant.steps.filter(({ at }) => Date.parse(at) >= from && Date.parse(at) < to);
    const first = Number(query.get("next") ?? 0);
    // In small parts, so that the page must ask for the next one.
    const next = first + 500 < within.length ? first + 500 : null;
    return ok({ steps: within.slice(first, first + 500), next });
  }

  on_reports(_method, _parts, query) {
    const t = this.plant.totals;
    const from = Date.parse(query.get("from"));
    const part = (n) => ({ inducted: 900 + n * 17, sorted: 850 + n * 15, rejected: 40, lost: 0, missort: 0, no_read: 12, recirculations: 30, alarms: 1, causes: {}, chutes: {}, seconds: {} });
    const total = { ...t, alarms: this.history.length, causes: { no_read: t.no_read, gap: 3 }, chutes: { 1: 120, 2: 90, 3: 70 }, seconds: { Execute: 6_600, Held: 90, Suspended: 120, Aborted: 60, Idle: 420 } };
    return ok({ from: new Date(from).toISOString(), to: query.get("to"), total, parts: Array.from({ length: 12 }, (_, n) => ({ from: new Date(from + n * 900_000).toISOString(), ...part(n) })), oee: { availability: 0.92, performance: 0.61, quality: 0.96, oee: 0.54 }, capacity: { machine: 8_000, system: 6_800, operational: 5_780, target: 5_000 } });
  }

  on_routes(method, [first, id], _query, body) {
    if (first === "places") {
      return ok([["DE-FRA", "Frankfurt", 50.06, 8.52], ["DE-LEJ", "Leipzig", 51.42, 12.24], ["FR-LYS", "Lyon", 45.72, 5.08], ["PL-WAW", "Warsaw", 52.17, 20.97]].map(([id, name, lat, lon]) => ({ id, name: this.text(name, lat | 0), country: id.slice(0, 2), kind: "hub", lat, lon })));
    }
    if (first === "bags") {
      const booking = (service, hours) => ({ service, board_by: at(hours * 3600 - 900), departs: at(hours * 3600), arrives: at(hours * 3600 + 20_000) });
      const bag = (id, chute, rebook) => ({ id, sscc: this.hostile ? this.text("", id) : this.plant.sscc(), chute, closed: at(-1200 * id), hop: this.text("FR-LYS", id), parcels: 34 + id, others: id - 1, booked: rebook ? booking(this.text("R12", id), 1) : booking("R12", 2), rebook, why: rebook ? this.text("R12 is cancelled", id) : null, now: rebook ? booking("R14", 5) : null });
      return ok([bag(3, 2, true), bag(2, 5, false), bag(1, 7, false)]);
    }
    if (first === "learning") {
      const score = { runs: 500, loss_min: 6.2, late_predicted: 0.041, late_observed: 0.044, within_90: 0.897 };
      const services = ["R12", "R14"].map((service, i) => ({ service: this.text(service, i), runs: 300 - i * 90, observed: 0.12 + i / 10, shrunk: 0.13 + i / 12 }));
      const verdicts = [{ at: at(-3600), verdict: "kept", old_loss_min: 6.2, new_loss_min: 6.4 }, { at: at(-90_000), verdict: "adopted", runs: 1_500, old_loss_min: 8.1, new_loss_min: 6.2 }];
      return ok({ runs: 2_000, learnt_from: 1_500, drift: null, boosted: [], services, model: score, settings: { ...score, loss_min: 8.1 }, verdicts });
    }
    if (first === "conditions") {
      if (method === "PUT") this.told.set(id, { ...body, id });
      if (method === "DELETE") this.told.delete(id);
      if (method !== "GET") return done;
      const snow = { id: "snow", from: at(-3600), to: at(7200), change: { kind: "close", place: "PL-WAW" }, reason: this.text("snow", 0) };
      return ok({ conditions: [{ source: "file", condition: snow }, ...[...this.told.values()].map((condition) => ({ source: "told", condition }))] });
    }
    const leg = { mode: "truck", from: "DE-FRA", to: "FR-LYS", depart: at(3600), arrive: at(30_000), carrier: "Demo", service: "R12", cut_off: at(3000) };
    return ok([0.97, 0.71].map((chance, i) => ({ rank: i + 1, legs: [leg], arrive: at(30_000), arrive_p50: at(30_500), arrive_p90: at(36_000), promise: at(40_000), on_time_probability: chance, cost: { amount: 4.2 + i, currency: "EUR" }, co2_kg: 0.31, customs: [], why: ["keeps the promise at the least cost"] })));
  }

  on_simulations(method, _parts, _query, body) {
    if (method === "GET") return ok({ scenarios: ["nominal", "field"], texts: { nominal: "[plant.faults_ppm]\n", field: "[plant.faults_ppm]\nfailed_divert = 1000\n" }, parcels_max: 20_000 });
    return ok({ ...body, inducted: body.parcels, sorted: body.parcels - 20, rejected: 20, lost: 0, missort: 0, removed: 0, recirculations: 14, reject_causes: { gap: 20 }, faults_fired: { photo_eye_stuck: 2 }, simulated_s: 3600, wall_s: 0.4, parcels_per_hour: 5000, trace_hash: "9c1f0a77d2e4", violations: [] });
  }

  file(method, name, act, seq, body) {
    const file = this.files[name];
    if (!file) return refuse(404, "there is no such file");
    const problems = (text) => (text.includes("!") ? [{ file: name, line: 2, key: "target_per_hour", text: "found -1, allowed is 0 to 50,000" }] : []);
    if (act === "check") return ok({ problems: problems(body.text) });
    if (act === "versions") return ok(seq ? file.before[seq - 1].text : file.before.map(({ text, ...row }) => ({ ...row, bytes: text.length })).reverse());
    if (method === "GET") return ok(file.text);
    if (body.was !== file.text) return refuse(409, "somebody else has changed this file meanwhile; load it again");
    if (problems(body.text).length > 0) return refuse(422, "the site cannot be used with this text");
    file.before.push({ seq: file.before.length + 1, at: at(0), who: this.who().id, text: file.text });
    file.text = body.text;
    this.record("file.change", name, null, null);
    return done;
  }

  on_devices() {
    const point = (name, value, unit = "") => ({ point: this.text(name, 1), value, unit });
    const device = (id, n, fault, age_ms) => ({ id: this.text(id, n), profile: "generic", name: this.text("Remote IO, 16 channels", n), unit: n, fault: fault && this.text(fault, n), age_ms, inputs: [point("DI 0", 1), point("current", 312, "mA")], outputs: [point("DO 0", 0)] });
    return ok({ buses: [{ id: "east", address: "rtu:///dev/ttyS0?115200-8E1", poll_ms: 10, bus: { calls: 40_000, errors: 2, overruns: 1, call_us_p99: 3_900 }, devices: [device("io-1", 1, null, 8), device("io-2", 2, "no answer from unit 2", 4_100), device("io-3", 3, null, 2_400)] }] });
  }

  on_telegrams() {
    return ok("O> 12:00:00.000000 000000 01 03\n");
  }

  on_wear() {
    const bell = (middle) => Array.from({ length: 24 }, (_, n) => Math.max(0, 60 - 25 * Math.abs(n - middle)));
    return ok({
      findings: [{ part: "diverter", diverter: 2, change: 62 }, { part: "eye", eye: 3, change: -11 }],
      class_ms: 50,
      diverters: [0, 1, 2].map((diverter) => ({ diverter, parcels: 640, mean_ms: 430 + 31 * diverter, change_ms: diverter === 1 ? null : 31 * diverter, classes: bell(8 + diverter) })),
    });
  }

  on_points() {
    const { topology, parcels } = this.plant;
    const eyes = topology.eye.map((eye) => ({ id: eye.id, blocked: parcels.some((p) => p.position > eye.position_mm && p.position - p.length < eye.position_mm), jammed: false }));
    return ok({ up: true, eyes, diverters: topology.diverter.map((d) => ({ id: d.id, wanted: false, on: false })), node: { uptime_ms: 5_400_000, trips: 0, refused: 2, jumped: 0 }, bus: { connections: 1, calls: 540_000, errors: 3, call_us_mean: 900, call_us_max: 41_000 } });
  }

  on_system(method, [part, name, act, seq], _query, body) {
    if (part === "backup") {
      this.record("backup.take", "sortline-demo-20261129T120000Z.tar", null, null);
      return ok("a backup");
    }
    if (name) return this.file(method, name, act, seq, body);
    if (part === "files") return ok(["site.toml", "line.toml", "plan.toml"]);
    return ok({ version: "0.1.0", up_s: 5_400, site: { id: "demo", name: this.text("Demonstration hub", 0), time_zone: "Europe/Berlin" }, open: this.open, journal_bytes: 12_400_000, streams: 3, node: { address: "127.0.0.1:5020", up: this.plant.node === "up" }, stroke_us: { p50: 61_000, p99: 143_000 }, mqtt: { broker: "embedded", connected: true, waiting: 0, published: 40_120, dropped: 0, commands_accepted: 3, commands_refused: 1 }, files: ["site.toml", "line.toml", "plan.toml"] });
  }
}

function at(seconds) {
  return new Date(Date.now() + seconds * 1000).toISOString();
}
