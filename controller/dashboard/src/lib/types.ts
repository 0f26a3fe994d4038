/**
 * What the service sends. Everything here comes from outside: texts may hold whatever a label or
 * a manifest held, and members may be missing while the service is older or newer than this page.
 */

/** Life of the line in PackML words. */
export type PackMl = "Stopped" | "Idle" | "Execute" | "Held" | "Suspended" | "Aborted";

/** The line as a whole. */
export interface Line {
  id: string;
  name: string;
  state: PackMl | string;
  /** Belt speed measured by the encoder. */
  speed_mm_per_s: number;
  ticks: number;
  um_per_tick: number;
  /** `up`, or why the field node cannot be used. */
  node: string;
  /** Version of the active sort plan. */
  plan: string | null;
  /** What became of the last time that a diverter was moved by hand. */
  jog?: Jog | null;
}

/** A diverter moved by hand. */
export interface Jog {
  diverter: number;
  state: "on" | "off" | "refused";
  why?: { cause: string; parcel?: number };
}

/** Counters since the start of the shift, and rates. */
export interface Rates {
  parcels_per_hour: number;
  target_per_hour: number;
  inducted: number;
  sorted: number;
  rejected: number;
  lost: number;
  missort: number;
  recirculations: number;
  on_belt: number;
  no_read: number;
  /** 0 to 1; null before the first parcel. */
  read_rate: number | null;
}

/** A parcel on the line. */
export interface Parcel {
  id: number;
  /** Leading edge, millimeters downstream of the induction photo-eye. */
  position_mm: number;
  /** Null until its trailing edge has passed induction. */
  length_mm: number | null;
  /** Where it is meant to go; null while undecided. */
  chute: number | null;
  /** The decision can no longer change. */
  committed: boolean;
  lap: number;
  destination: string | null;
  status: "tracked" | "uncertain" | string;
}

export type ChuteState = "ready" | "full" | "disabled" | "jammed";

/** A chute as it is now. */
export interface Chute {
  id: number;
  name: string;
  kind: ChuteKind | string;
  state: ChuteState | string;
  /** Parcels since it was last emptied. */
  count: number;
  /** What the active plan sends there, in words. */
  serves: string | null;
  /** When the last parcel arrived. */
  last: string | null;
  /** The bag that hangs there; its SSCC from when it is closed. */
  bag?: { state: "open" | "closing" | "closed" | string; sscc: string | null };
  /** The bag that was taken away last. */
  taken?: { at: string; parcels: number; sscc: string | null } | null;
  /** Since when and why a person switched it off. */
  off?: { since: string; reason: string } | null;
}

export interface Camera {
  id: number;
  name: string;
  healthy: boolean;
  frames: number;
  read_ms_p50: number | null;
  health?: CameraHealth | null;
}

/** A mean over the last frames, and one over many. */
export interface Trend {
  recent: number;
  long: number;
  count: number;
}

/** Light and focus of a camera. */
export interface CameraHealth {
  frames: number;
  faults: [string, number][];
  white: Trend;
  edge_x_px: Trend;
  edge_y_px: Trend;
  noise: Trend;
  proposals: { change: string; factor?: number; edge_px?: number; share?: number }[];
}

export interface Code {
  kind: string;
  value: string;
}

/** What one frame said. */
export interface Reading {
  id: number;
  parcel: number | null;
  camera: number;
  at: string;
  image: string | null;
  codes: Code[];
  destination: string | null;
  no_read: string | null;
  elapsed_ms: number | null;
}

/** An alarm in the words of ISA-18.2. */
export interface Alarm {
  id: string;
  kind: string;
  /** Number and name of the part of the line it is about. */
  place: number | null;
  name: string;
  priority: "high" | "medium" | "low" | string;
  state: "active" | "returned" | "suppressed" | "shelved" | "out_of_service" | string;
  acknowledged: boolean;
  silenced: boolean;
  since: string;
  /** Times it came before somebody saw it. */
  count: number;
  /** The alarm that explains it. */
  root: string | null;
  until: string | null;
  reason: string | null;
  fault: string;
  text: string;
  consequence: string;
  remedy: string;
}

/** A parcel that waits for a coder. */
export interface Waiting {
  parcel: number;
  since: string;
  reason: string | null;
  images: string[];
  sample: boolean;
  by: string | null;
  /** Who keyed this sample before: it waits for somebody else. */
  keyed_by?: string[];
}

export interface Coding {
  limits: { first_mm: number; last_mm: number };
  waiting: Waiting[];
}

/** Everything the page shows that changes. */
export interface Snapshot {
  seq: number;
  at: string;
  line: Line;
  rates: Rates;
  parcels: Parcel[];
  chutes: Chute[];
  cameras: Camera[];
  readings: Reading[];
  alarms: Alarm[];
  coding: Coding;
}

/** Only the members that changed, each complete; of readings only the new ones. */
export type Delta = Pick<Snapshot, "seq" | "at"> & Partial<Snapshot>;

export type ChuteKind = "sort" | "recirculation" | "reject";
export type Side = "left" | "right";

/** `line.toml` as the service passes it on: what stands where. */
export interface Topology {
  id: string;
  name: string;
  belt: {
    speed_mm_per_s: number;
    length_mm: number;
    recirculation_mm: number;
  };
  eye: { id: number; name: string; role: string; position_mm?: number; chute?: number | null }[];
  camera: { id: number; name: string; position_mm: number }[];
  diverter: {
    id: number;
    name: string;
    side: Side;
    position_mm: number;
    body_mm: number;
    chute: number;
  }[];
  chute: { id: number; name: string; kind: ChuteKind; capacity_parcels?: number }[];
}

/** A line as it is told from far. */
export interface LineSummary {
  id: string;
  name: string;
  /** What goes before every path of its API: empty, or `/at/NAME`. */
  at?: string;
  /** Its controller answers. */
  up?: boolean;
  state?: string | null;
  parcels_per_hour?: number | null;
  target_per_hour?: number | null;
  /** Alarms that nobody has acknowledged, and the highest priority among them. */
  alarms?: number;
  priority?: string | null;
}

/** A parcel as its coder sees it. */
export interface Look {
  images: { url: string; turn_deg: number; crop: [number, number, number, number] | null }[];
  candidates: { country: string; postcode: string | null; source: string; confidence: number }[];
}

/** What a person may command. */
export type OperatorCommand =
  | { command: "empty_chute"; chute: number }
  | { command: "close_bag"; chute: number }
  | { command: "enable_chute"; chute: number; enabled: boolean; reason?: string }
  | { command: "reset" };

/** What somebody may do. */
export type Right =
  | "see"
  | "labels"
  | "operate"
  | "code"
  | "plan"
  | "maintain"
  | "supervise"
  | "administer";

/** Who looks at this page. */
export interface Me {
  open: boolean;
  /** The controller's configuration cannot be used: there is no line, only its files. */
  safe_mode?: boolean;
  enrolment: boolean;
  signed_in: boolean;
  id: string;
  name: string;
  roles: string[];
  rights: Right[];
  four_eyes: boolean;
  site: string;
  time_zone: string;
}
