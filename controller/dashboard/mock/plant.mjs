// A line that only exists on the screen: parcels move by the clock, chutes fill, faults come on
// request. It plays the service's side of the HTTP API for development and for tests of the page;
// it proves nothing about sorting.

const COUNTRIES = ["DE", "FR", "PL", "ES", "IT", "NL", "GB", "US", "JP", "AU", "BR", "CA"];
export const HOSTILE = [
  '<script>document.title="owned"</script>',
  '<img src=x onerror="document.title=\'owned\'">',
  "\u202Egnirts elitsoh\u202C",
  "\u0000\u0007\u001b[31mred\u001b[0m",
  "A".repeat(10_000),
  "ぁ゙" + "\u0301".repeat(200),
];

/** A small generator of repeatable random numbers. */
function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

export class Plant {
  constructor(topology, { seed = 1, hostile = false, gapMm = 1320, calm = false } = {}) {
    this.topology = topology;
    this.random = random(seed);
    this.hostile = hostile;
    this.gapMm = gapMm;
    this.calm = calm;
    this.seq = 1;
    this.ticks = 0;
    this.speed = topology.belt.speed_mm_per_s;
    this.state = "Execute";
    this.node = "up";
    this.parcels = [];
    this.readings = [];
    this.alarms = new Map();
    /** Parcels that wait for a coder, by number. */
    this.waiting = new Map();
    /** Lives of the last parcels, newest first. */
    this.ended = [];
    /** What parcels did on the belt, oldest first. */
    this.steps = [];
    this.plan = "2026-11-A";
    this.onAlarm = () => {};
    this.nextParcel = 48_120;
    this.nextReading = 1;
    this.untilNext = 0;
    this.totals = { inducted: 0, sorted: 0, rejected: 0, lost: 0, missort: 0, recirculations: 0, no_read: 0 };
    this.induced = [];
    this.now = Date.now();
    this.chutes = topology.chute.map((c) => ({
      id: c.id,
      name: c.name,
      kind: c.kind,
      state: "ready",
      count: 0,
      serves: this.serves(c),
      last: null,
      bag: { state: "open", sscc: null },
      taken: null,
      off: null,
    }));
    this.bags = 0;
    this.cameras = topology.camera.map((c) => ({
      id: c.id,
      name: c.name,
      healthy: true,
      frames: 0,
      read_ms_p50: 21.4 + c.id * 3,
      health: {
        frames: 343,
        faults: c.id === 1 ? [["motion_blur", 21]] : [],
        white: { recent: 148, long: 197, count: 343 },
        edge_x_px: { recent: 4.8, long: 2.2, count: 343 },
        edge_y_px: { recent: 2.1, long: 2.1, count: 343 },
        noise: { recent: 2.9, long: 3.0, count: 343 },
        proposals: c.id === 1 ? [{ change: "exposure", factor: 0.71 }, { change: "light", factor: 1.4 }] : [],
      },
    }));
  }

  serves(chute) {
    if (chute.kind !== "sort") return null;
    if (this.hostile) return HOSTILE[chute.id % HOSTILE.length];
    if (chute.id === 12) return "Overflow";
    const country = COUNTRIES[(chute.id - 1) % COUNTRIES.length];
    return chute.id === 1 ? "DE 0-3" : chute.id === 2 ? "DE 4-9" : country;
  }

  chute(id) {
    return this.chutes.find((c) => c.id === id);
  }

  raise(kind, id, priority, text, consequence, remedy) {
    const key = id === null ? kind : `${kind}-${id}`;
    if (this.alarms.has(key)) return;
    this.alarms.set(key, {
      id: key,
      kind,
      place: id,
      name: this.hostile ? HOSTILE[(id ?? 0) % HOSTILE.length] : this.partName(kind, id),
      fault: "unreachable",
      priority,
      text,
      consequence,
      remedy,
      since: new Date(this.now).toISOString(),
      state: "active",
      acknowledged: false,
      silenced: false,
      count: 1,
      root: null,
      until: null,
      reason: null,
    });
    this.onAlarm(key, "raised");
  }

  partName(kind, id) {
    const part = { chute_full: "chute", camera: "camera", jam: "eye", eye: "eye", diverter: "diverter" }[kind];
    return this.topology[part]?.find((p) => p.id === id)?.name ?? "";
  }

  /** A person keyed a destination in. */
  key(id, { country, postcode }) {
    const parcel = this.parcels.find((p) => p.id === id);
    if (!parcel || parcel.committed) return;
    parcel.destination = `${country} ${postcode}`.trim();
    parcel.chute = this.chutes.find((c) => c.kind === "sort").id;
  }

  clear(key) {
    if (this.alarms.delete(key)) this.onAlarm(key, "cleared");
  }

  /** A step of a parcel's way, as the journal would tell it. */
  step(parcel, step, more = {}) {
    this.steps.push({ at: new Date(this.now).toISOString(), parcel: parcel.id, step, ...more });
    if (this.steps.length > 6_000) this.steps.splice(0, 1_000);
  }

  /** Moves everything on by `ms`. */
  advance(ms) {
    this.now += ms;
    const mm = (this.speed * ms) / 1000;
    this.ticks = (this.ticks + Math.round(mm)) >>> 0;
    this.untilNext -= mm;
    if (this.speed > 0 && this.untilNext <= 0) this.induct();
    for (const parcel of this.parcels) this.move(parcel, mm);
    this.parcels = this.parcels.filter((p) => !p.gone);
    while (this.induced.length > 0 && this.now - this.induced[0] > 60_000) this.induced.shift();
  }

  induct() {
    const length = 160 + Math.floor(this.random() * 420);
    this.untilNext += Math.max(length + 380, this.gapMm * (0.6 + 0.8 * this.random()));
    this.totals.inducted += 1;
    this.induced.push(this.now);
    const parcel = {
      id: this.nextParcel++,
      position: 0,
      length,
      chute: null,
      committed: false,
      lap: 0,
      destination: null,
      status: "tracked",
      read: false,
    };
    this.parcels.push(parcel);
    this.step(parcel, "inducted", { eye: 0, lap: 0, ticks: this.ticks });
    this.step(parcel, "measured", { length_mm: length, gap_mm: 620 });
  }

  move(parcel, mm) {
    parcel.position += mm;
    const { belt } = this.topology;
    if (!parcel.read && parcel.position > 1500 && !parcel.looping) this.read(parcel);
    const diverter = this.topology.diverter.find((d) => d.chute === parcel.chute);
    if (diverter && parcel.position > diverter.position_mm - 900) this.commit(parcel);
    const middle = parcel.position - parcel.length / 2;
    const at = diverter && parcel.committed ? diverter.position_mm : belt.length_mm;
    if (parcel.looping) {
      if (middle > at + belt.recirculation_mm) this.nextLap(parcel);
    } else if (middle > at + 450) {
      this.arrive(parcel);
    }
  }

  commit(parcel) {
    if (parcel.committed) return;
    // Decided anew as long as it can be: a full chute is not used.
    if (this.chute(parcel.chute).state !== "ready") {
      const loop = this.chutes.find((c) => c.kind === "recirculation");
      parcel.chute = loop && parcel.lap < 2 ? loop.id : this.reject().id;
      return;
    }
    parcel.committed = true;
    this.step(parcel, "fired", { seq: parcel.id % 256, ticks: this.ticks });
  }

  reject() {
    return this.chutes.find((c) => c.kind === "reject");
  }

  nextLap(parcel) {
    Object.assign(parcel, { position: 0, lap: parcel.lap + 1, committed: false, looping: false, read: false });
    parcel.chute = null;
    this.step(parcel, "inducted", { eye: 0, lap: parcel.lap, ticks: this.ticks });
  }

  arrive(parcel) {
    const chute = this.chute(parcel.committed ? parcel.chute : this.reject().id);
    chute.count += 1;
    chute.last = new Date(this.now).toISOString();
    if (chute.kind === "recirculation") {
      this.totals.recirculations += 1;
      parcel.looping = true;
      this.step(parcel, "recirculated", { cause: { no_read: { reason: "nothing_found" } }, lap: parcel.lap });
      return;
    }
    this.totals[chute.kind === "reject" ? "rejected" : "sorted"] += 1;
    parcel.gone = true;
    // A sample is not urgent: it waits on.
    if (!this.waiting.get(parcel.id)?.sample) this.waiting.delete(parcel.id);
    this.remember(parcel, chute);
    const capacity = this.topology.chute.find((c) => c.id === chute.id).capacity_parcels;
    if (!this.calm && capacity > 0 && chute.count >= capacity) this.fill(chute.id);
  }

  /** The life of a parcel as the journal would tell it. */
  remember(parcel, chute) {
    const time = (back) => new Date(this.now - back).toISOString();
    const rejected = chute.kind === "reject";
    const outcome = rejected
      ? { outcome: "rejected", cause: { no_read: { reason: "nothing_found" } } }
      : { outcome: "sorted", chute: chute.id };
    const value = this.hostile ? HOSTILE[parcel.id % HOSTILE.length] : `RR${String(400_000_000 + parcel.id)}DE`;
    const [country, postcode] = (parcel.destination ?? "").split(" ");
    const destination = rejected ? null : { country, postcode, source: "manifest", confidence: 1000 };
    // One that the plan names first and that was full, and one that it names later.
    const [full, later] = this.topology.chute.filter((c) => c.kind === "sort" && c.id !== chute.id);
    const alternatives = rejected ? [] : [{ chute: full.id, obstacle: "full" }, { chute: later.id }];
    const reading = { codes: rejected ? [] : [{ kind: "s10", value }], destination, no_read: rejected ? "nothing_found" : null };
    this.step(parcel, "ended", { outcome });
    this.ended.unshift({
      id: parcel.id,
      outcome: { parcel: parcel.id, at: time(0), ...outcome },
      disposition: { outcome: outcome.outcome, physical: "regular", decision: rejected ? "no_read" : "chute", laps: parcel.lap },
      inducted: time(9000),
      destination,
      steps: [
        { at: time(9000), step: "inducted", ticks: 1, lap: 0 },
        { at: time(8800), step: "measured", length_mm: parcel.length, gap_mm: 620 },
        { at: time(8000), step: "read", camera: 0, trigger: 1, reading, late: false },
        { at: time(7990), step: "resolved", destination, hop: rejected ? null : "DE-LEJ", why: rejected ? "unknown" : "cheapest that keeps the promise" },
        { at: time(7980), step: "decided", chute: chute.id, reason: this.hostile ? value : "via Leipzig", plan: this.plan, alternatives },
        { at: time(0), step: "ended", outcome },
      ],
    });
    this.ended.length = Math.min(this.ended.length, 500);
  }

  fill(id) {
    this.chute(id).state = "full";
    this.raise(
      "chute_full",
      id,
      "medium",
      `${this.chute(id).name} is full`,
      "Its parcels take another lap on the recirculation conveyor or are rejected.",
      "Change the bag, then press Emptied.",
    );
  }

  read(parcel) {
    parcel.read = true;
    const sortable = this.chutes.filter((c) => c.kind === "sort");
    const failed = this.random() < (this.calm ? 0 : 0.03);
    const chute = sortable[Math.floor(this.random() * sortable.length)];
    const post = String(10_000 + Math.floor(this.random() * 89_999));
    const country = COUNTRIES[(chute.id - 1) % COUNTRIES.length];
    if (failed) {
      this.totals.no_read += 1;
      parcel.chute = this.reject().id;
      this.wait(parcel, false);
    } else {
      parcel.destination = this.hostile ? HOSTILE[parcel.id % HOSTILE.length] : `${country} ${post}`;
      parcel.chute = chute.id;
    }
    this.step(parcel, "decided", { chute: parcel.chute, reason: "via Leipzig", plan: this.plan });
    if (!this.calm && this.random() < 0.02) parcel.status = "uncertain";
    for (const camera of this.cameras) {
      if (!camera.healthy) continue;
      camera.frames += 1;
      if (camera.id === 0 || this.random() < 0.3) this.addReading(parcel, camera, failed);
    }
  }

  wait(parcel, sample) {
    this.waiting.set(parcel.id, {
      parcel: parcel.id,
      since: new Date(this.now).toISOString(),
      reason: sample ? null : "nothing_found",
      images: [`/api/v1/frames/${this.nextReading}.jpg`, `/api/v1/frames/${this.nextReading + 1}.jpg`],
      sample,
      by: null,
      keyed_by: [],
    });
  }

  addReading(parcel, camera, failed) {
    const id = this.nextReading++;
    const value = `RR${String(400_000_000 + parcel.id)}DE`;
    this.readings.unshift({
      id,
      parcel: parcel.id,
      camera: camera.id,
      at: new Date(this.now).toISOString(),
      image: `/api/v1/frames/${id}.jpg`,
      codes: failed ? [] : [{ kind: "s10", value: this.hostile ? HOSTILE[id % HOSTILE.length] : value }],
      destination: failed ? null : parcel.destination,
      no_read: failed ? ["nothing_found", "bad_image", "no_identifier"][id % 3] : null,
      elapsed_ms: 15 + Math.floor(this.random() * 20),
    });
    this.readings.length = Math.min(this.readings.length, 64);
  }

  /** The next number of a bag. */
  sscc() {
    const body = `09501101${String(300_000_000 + (this.bags += 1)).padStart(9, "0")}`;
    const sum = [...body].reduce((all, digit, i) => all + Number(digit) * (i % 2 === 0 ? 3 : 1), 0);
    return body + String((10 - (sum % 10)) % 10);
  }

  /** Operator commands and faults on request. */
  command(body) {
    const chute = this.chute(body.chute);
    if (body.command === "close_bag" && chute) {
      chute.bag = { state: "closed", sscc: this.sscc() };
      chute.state = "full";
      return true;
    }
    if (body.command === "empty_chute" && chute) {
      if (chute.count > 0) {
        chute.taken = { at: new Date(this.now).toISOString(), parcels: chute.count, sscc: chute.bag.sscc ?? this.sscc() };
      }
      chute.bag = { state: "open", sscc: null };
      chute.count = 0;
      if (chute.state === "full") chute.state = "ready";
      this.clear(`chute_full-${chute.id}`);
      return true;
    }
    if (body.command === "enable_chute" && chute) {
      chute.state = body.enabled ? "ready" : "disabled";
      const reason = this.hostile ? HOSTILE[chute.id % HOSTILE.length] : body.reason;
      chute.off = !body.enabled && reason ? { since: new Date(this.now).toISOString(), reason } : null;
      return true;
    }
    if (body.command === "reset") {
      this.run();
      return true;
    }
    return false;
  }

  run() {
    this.state = "Execute";
    this.speed = this.topology.belt.speed_mm_per_s;
    this.node = "up";
    for (const camera of this.cameras) camera.healthy = true;
    for (const key of this.alarms.keys()) this.clear(key);
  }

  fault(name, id) {
    switch (name) {
      case "full":
        this.fill(id);
        break;
      case "jammed":
        this.chute(id).state = "jammed";
        this.raise("jam", 10 + id - 1, "high", `Jam in ${this.chute(id).name}`, "Parcels for it are rejected.", "Stop the line, clear the jam, start again.");
        break;
      case "camera":
        this.cameras.find((c) => c.id === id).healthy = false;
        this.raise("camera", id, "high", "The side camera gives no usable pictures", "Labels on that side are not read; more parcels are rejected.", "Check cable and lens of the camera.");
        break;
      case "stop":
        this.state = "Aborted";
        this.speed = 0;
        this.raise("stopped", null, "high", "The stop circuit is open", "The belt stands; nothing is diverted.", "Clear the cause, close the stop circuit, then press Reset.");
        break;
      case "node":
        this.node = "unreachable";
        this.state = "Held";
        this.raise("node", null, "high", "The field node does not answer", "Nothing is diverted: all parcels go straight on to the reject chute.", "Check power and network of the field node.");
        break;
      case "uncertain":
        for (const p of this.parcels.slice(2, 5)) p.status = "uncertain";
        break;
      case "unread": {
        const parcel = this.parcels.filter((p) => !p.committed && !p.looping).at(-1);
        if (parcel) {
          parcel.read = true;
          parcel.destination = null;
          parcel.chute = this.reject().id;
          this.wait(parcel, false);
        }
        break;
      }
      case "sample": {
        const parcel = this.parcels.at(-1);
        if (parcel) this.wait(parcel, true);
        break;
      }
      case "lost":
        this.totals.lost += 1;
        break;
      case "clear":
        this.run();
        for (const c of this.chutes) Object.assign(c, { state: "ready", off: null, bag: { state: "open", sscc: null } });
        break;
      default:
        return false;
    }
    return true;
  }

  /** A press of the button that moves a diverter by hand. */
  press(diverter) {
    const jog = this.speed > 0 ? { diverter, state: "refused", why: { cause: "belt_moves" } } : { diverter, state: "on" };
    this.jog = jog;
    if (jog.state !== "on") return;
    clearTimeout(this.lettingGo);
    this.lettingGo = setTimeout(() => (this.jog = { diverter, state: "off" }), 400);
  }

  members() {
    const t = this.totals;
    const done = t.inducted || 1;
    const minutes = Math.min(60_000, Math.max(5_000, this.induced.length ? this.now - this.induced[0] : 0));
    return {
      line: {
        id: this.topology.id,
        name: this.topology.name,
        state: this.state,
        speed_mm_per_s: this.speed,
        ticks: this.ticks,
        um_per_tick: this.topology.belt.um_per_tick,
        node: this.node,
        plan: this.plan,
        jog: this.jog ?? null,
      },
      rates: {
        ...t,
        parcels_per_hour: Math.round((this.induced.length * 3_600_000) / minutes),
        target_per_hour: 5000,
        on_belt: this.parcels.length,
        read_rate: 1 - t.no_read / done,
      },
      parcels: this.parcels.map((p) => ({
        id: p.id,
        position_mm: Math.round(p.position),
        // Known when the trailing edge has passed induction.
        length_mm: p.position >= p.length ? p.length : null,
        chute: p.chute,
        committed: p.committed,
        lap: p.lap,
        destination: p.destination,
        status: p.status,
      })),
      chutes: this.chutes,
      cameras: this.cameras,
      readings: this.readings,
      alarms: [...this.alarms.values()],
      coding: {
        limits: { first_mm: this.topology.diverter[0].position_mm - 900, last_mm: this.topology.diverter.at(-1).position_mm - 900 },
        waiting: [...this.waiting.values()],
      },
    };
  }
}
