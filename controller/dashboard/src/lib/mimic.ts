/**
 * Geometry of the mimic: from the line's description to pixels. Everything is worked out along
 * the belt and across it (positive to the right of the direction of travel) and turned at the
 * end: wide screens show the belt running right, tall ones running down.
 */
import type { ChuteKind, Side, Topology } from "./types";
import type { Exit } from "./motion";

export interface Point {
  x: number;
  y: number;
}

export interface Box extends Point {
  w: number;
  h: number;
}

export interface ChuteShape {
  id: number;
  kind: ChuteKind;
  name: string;
  capacity: number;
  box: Box;
  side: Side | "end";
  /** Where a diverted parcel comes to rest, as drawn. */
  mouth: Point;
}

export interface DiverterShape {
  id: number;
  name: string;
  chute: number;
  /** Neck from belt to chute. */
  neck: Point[];
  /** The arm, at rest along the belt's edge. */
  arm: [Point, Point];
}

export interface EyeShape {
  id: number;
  name: string;
  beam: [Point, Point];
  label: Point;
}

export interface CameraShape {
  id: number;
  name: string;
  body: Point;
  cone: Point[];
}

export interface Layout {
  vertical: boolean;
  /** The belt is too narrow for whole words beside its parcels. */
  slim: boolean;
  width: number;
  height: number;
  /** Pixels per millimeter of belt. */
  scale: number;
  belt: Box;
  /** Thickness of a parcel across the belt. */
  parcel: number;
  chutes: ChuteShape[];
  diverters: DiverterShape[];
  eyes: EyeShape[];
  cameras: CameraShape[];
  /** Middle line of the recirculation conveyor, from its diverter back to induction. */
  loop: Point[];
  chevrons: Point[];
}

/** Room for the mimic, and the size of its letters. */
export interface Room {
  width: number;
  /** Height available; a belt running down takes what it needs instead. */
  height: number;
  /** Pixels per letter height (root font size). */
  rem: number;
}

interface Frame {
  vertical: boolean;
  /** Along the belt, pixels from the edge of the picture to position 0. */
  start: number;
  /** Middle of the belt across, as a pixel coordinate. */
  middle: number;
  scale: number;
}

/** Narrower rooms (in letter heights) show the belt running down. */
const VERTICAL_BELOW_REM = 58;
/** Belt travel over which a diverted parcel is drawn sliding out. */
const SLIDE_MM = 900;

/** Whether the belt runs down in this room. */
export function isVertical(room: Room): boolean {
  return room.width < VERTICAL_BELOW_REM * room.rem;
}

function isSlim(room: Room): boolean {
  return room.width < 32 * room.rem;
}

function at(frame: Frame, mm: number, across: number): Point {
  return turn(frame, frame.start + mm * frame.scale, across);
}

function turn(frame: Frame, along: number, across: number): Point {
  return frame.vertical
    ? { x: frame.middle - across, y: along }
    : { x: along, y: frame.middle + across };
}

function boxOf(a: Point, b: Point): Box {
  return {
    x: Math.min(a.x, b.x),
    y: Math.min(a.y, b.y),
    w: Math.abs(a.x - b.x),
    h: Math.abs(a.y - b.y),
  };
}

/** Smallest distance between two diverters on the same side that lead to drawn chutes. */
export function pitchMm(topology: Topology): number {
  const loops = recirculationChutes(topology);
  let pitch = topology.belt.length_mm;
  for (const side of ["left", "right"] as const) {
    const places = topology.diverter
      .filter((d) => d.side === side && !loops.has(d.chute))
      .map((d) => d.position_mm)
      .sort((a, b) => a - b);
    for (let i = 1; i < places.length; i += 1) {
      pitch = Math.min(pitch, (places[i] ?? 0) - (places[i - 1] ?? 0));
    }
  }
  return Math.max(pitch, 1);
}

function recirculationChutes(topology: Topology): Set<number> {
  return new Set(topology.chute.filter((c) => c.kind === "recirculation").map((c) => c.id));
}

interface Sizes {
  beltHalf: number;
  neck: number;
  chuteAlong: number;
  chuteAcross: number;
  loop: number;
  parcel: number;
}

/** The whole picture. */
export function layout(topology: Topology, room: Room): Layout {
  const vertical = isVertical(room);
  const { frame, sizes, width, height } = vertical
    ? fitVertical(topology, room)
    : fitHorizontal(topology, room);
  const belt = boxOf(
    at(frame, 0, -sizes.beltHalf),
    at(frame, topology.belt.length_mm, sizes.beltHalf),
  );
  // A little belt in front of the induction photo-eye, where parcels come from.
  const lead = vertical
    ? { ...belt, y: belt.y - sizes.loop, h: belt.h + sizes.loop }
    : { ...belt, x: belt.x - sizes.loop, w: belt.w + sizes.loop };
  return {
    vertical,
    slim: vertical && isSlim(room),
    width,
    height,
    scale: frame.scale,
    belt: lead,
    parcel: sizes.parcel,
    chutes: chutes(topology, frame, sizes, room.rem),
    diverters: diverters(topology, frame, sizes),
    eyes: eyes(topology, frame, sizes, room.rem),
    cameras: cameras(topology, frame, sizes, room.rem),
    loop: loop(topology, frame, sizes),
    chevrons: chevrons(topology, frame),
  };
}

function fitHorizontal(topology: Topology, room: Room) {
  const { rem } = room;
  const lane = recirculationChutes(topology).size > 0 ? 2.4 * rem : 0.8 * rem;
  const start = 4.2 * rem;
  const end = 7.4 * rem;
  const widthMin = start + end + (topology.belt.length_mm / pitchMm(topology)) * 5.2 * rem;
  const width = Math.max(room.width, widthMin);
  const scale = (width - start - end) / topology.belt.length_mm;
  const height = Math.max(room.height, 22 * rem);
  const neck = Math.min(3.6 * rem, Math.max(1.7 * rem, height * 0.075));
  const beltHalf = Math.min(3.4 * rem, Math.max(2.1 * rem, height * 0.085));
  const chuteAcross = Math.min(11 * rem, (height - lane - 2 * neck - 2 * beltHalf) / 2 - 2);
  const slack = (height - lane - 2 * (neck + beltHalf + chuteAcross)) / 2;
  const sizes: Sizes = {
    beltHalf,
    neck,
    chuteAlong: Math.min(10 * rem, pitchMm(topology) * scale - 0.5 * rem),
    chuteAcross,
    loop: lane,
    parcel: Math.min(2.4 * rem, beltHalf * 0.8),
  };
  const middle = Math.max(0, slack) + chuteAcross + neck + beltHalf;
  return { frame: { vertical: false, start, middle, scale }, sizes, width, height };
}

function fitVertical(topology: Topology, room: Room) {
  const { rem, width } = room;
  const narrow = isSlim(room);
  const lane = recirculationChutes(topology).size > 0 ? (narrow ? 1.5 : 2.2) * rem : 0.3 * rem;
  const start = 3.4 * rem;
  const pitchPx = (narrow ? 7 : 6.6) * rem;
  const scale = pitchPx / pitchMm(topology);
  const beltHalf = (narrow ? 2.5 : 4) * rem;
  const neck = (narrow ? 1 : 1.8) * rem;
  const chuteAcross = (width - lane - 2 * beltHalf - 2 * neck) / 2;
  const sizes: Sizes = {
    beltHalf,
    neck,
    chuteAlong: pitchPx - 0.4 * rem,
    chuteAcross,
    loop: lane,
    parcel: 1.7 * rem,
  };
  const middle = lane + chuteAcross + neck + beltHalf;
  const height = start + topology.belt.length_mm * scale + 6 * rem;
  return { frame: { vertical: true, start, middle, scale }, sizes, width, height };
}

function chutes(topology: Topology, frame: Frame, sizes: Sizes, rem: number): ChuteShape[] {
  const shapes: ChuteShape[] = [];
  for (const chute of topology.chute) {
    if (chute.kind === "recirculation") continue;
    const base = {
      id: chute.id,
      kind: chute.kind,
      name: chute.name,
      capacity: chute.capacity_parcels ?? 0,
    };
    if (chute.kind === "reject") {
      shapes.push({ ...base, ...endChute(topology, frame, sizes, rem) });
      continue;
    }
    const diverter = topology.diverter.find((d) => d.chute === chute.id);
    if (!diverter) continue;
    const sign = diverter.side === "left" ? -1 : 1;
    const centre = frame.start + diverter.position_mm * frame.scale + shift(sizes);
    const near = sizes.beltHalf + sizes.neck;
    const half = sizes.chuteAlong / 2;
    const box = boxOf(
      turn(frame, centre - half, sign * near),
      turn(frame, centre + half, sign * (near + sizes.chuteAcross)),
    );
    const mouth = turn(frame, centre, sign * (near + sizes.parcel * 0.6));
    shapes.push({ ...base, box, side: diverter.side, mouth });
  }
  return shapes;
}

/** A diverted parcel keeps some of its speed: chutes lie a little downstream of the diverter. */
function shift(sizes: Sizes): number {
  return sizes.neck * 0.35;
}

function endChute(topology: Topology, frame: Frame, sizes: Sizes, rem: number) {
  const end = frame.start + topology.belt.length_mm * frame.scale;
  const long = (frame.vertical ? 5 : 6.6) * rem;
  const half = frame.vertical ? Math.min(6.5 * rem, sizes.beltHalf + sizes.neck) : 3.4 * rem;
  const gap = 0.6 * rem;
  return {
    box: boxOf(turn(frame, end + gap, -half), turn(frame, end + gap + long, half)),
    side: "end" as const,
    mouth: turn(frame, end + gap + sizes.parcel, 0),
  };
}

function diverters(topology: Topology, frame: Frame, sizes: Sizes): DiverterShape[] {
  const loops = recirculationChutes(topology);
  return topology.diverter.map((d) => {
    const sign = d.side === "left" ? -1 : 1;
    const half = (d.body_mm / 2) * frame.scale;
    const wide = Math.max(half, sizes.parcel * 0.65);
    const centre = frame.start + d.position_mm * frame.scale;
    const edge = sign * sizes.beltHalf;
    const far = sign * (sizes.beltHalf + sizes.neck);
    const to = centre + shift(sizes);
    const neck = loops.has(d.chute)
      ? []
      : [
          turn(frame, centre - wide, edge),
          turn(frame, centre + wide, edge),
          turn(frame, to + wide, far),
          turn(frame, to - wide, far),
        ];
    return {
      id: d.id,
      name: d.name,
      chute: d.chute,
      neck,
      arm: [turn(frame, centre - wide, edge), turn(frame, centre + wide, edge)],
    };
  });
}

function eyes(topology: Topology, frame: Frame, sizes: Sizes, rem: number): EyeShape[] {
  return topology.eye
    .filter((e) => e.role === "induct" || e.role === "track")
    .map((e) => {
      const mm = e.position_mm ?? 0;
      const reach = sizes.beltHalf + 0.3 * rem;
      const along = frame.start + mm * frame.scale;
      return {
        id: e.id,
        name: e.name,
        beam: [turn(frame, along, -reach), turn(frame, along, reach)] as [Point, Point],
        label: frame.vertical
          ? turn(frame, along - 0.25 * rem, sizes.beltHalf - 0.25 * rem)
          : turn(frame, along, -(reach + 0.4 * rem)),
      };
    });
}

function cameras(topology: Topology, frame: Frame, sizes: Sizes, rem: number): CameraShape[] {
  const away = sizes.beltHalf + sizes.neck + (frame.vertical ? 0.4 : 1.6) * rem;
  const spread = (frame.vertical ? 3.2 : 3.6) * rem;
  const half = 260 * frame.scale;
  const rows: Record<string, number> = { "-1": -Infinity, "1": -Infinity };
  const ordered = [...topology.camera].sort((a, b) => a.position_mm - b.position_mm || a.id - b.id);
  return ordered.map((camera, index) => {
    // Alternating sides keep two cameras over one place apart.
    const sign = index % 2 === 0 ? -1 : 1;
    const along = frame.start + camera.position_mm * frame.scale;
    const body = Math.max(along, (rows[String(sign)] ?? -Infinity) + spread);
    rows[String(sign)] = body;
    const edge = sign * sizes.beltHalf;
    return {
      id: camera.id,
      name: camera.name,
      body: turn(frame, body, sign * away),
      cone: [
        turn(frame, body, sign * away),
        turn(frame, along + half, -edge),
        turn(frame, along - half, -edge),
      ],
    };
  });
}

function loop(topology: Topology, frame: Frame, sizes: Sizes): Point[] {
  const loops = recirculationChutes(topology);
  const diverter = topology.diverter.find((d) => loops.has(d.chute));
  if (!diverter) return [];
  const sign = diverter.side === "left" ? -1 : 1;
  const out = sizes.beltHalf + sizes.neck + sizes.chuteAcross + sizes.loop * 0.55;
  const back = frame.start - sizes.loop;
  const from = frame.start + diverter.position_mm * frame.scale + shift(sizes);
  return [
    turn(frame, from, 0),
    turn(frame, from, sign * out),
    turn(frame, back, sign * out),
    turn(frame, back, 0),
    turn(frame, frame.start, 0),
  ];
}

function chevrons(topology: Topology, frame: Frame): Point[] {
  const step = 1000;
  const points: Point[] = [];
  for (let mm = step / 2; mm < topology.belt.length_mm; mm += step) points.push(at(frame, mm, 0));
  return points;
}

/** Where a parcel meant for `chute` leaves the belt; the end of the belt for all others. */
export function exitFor(
  topology: Topology,
  chute: number | null,
  committed: boolean,
): Exit & { kind: "chute" | "loop" | "end"; chute: number | null } {
  const kind = topology.chute.find((c) => c.id === chute)?.kind;
  const diverter = topology.diverter.find((d) => d.chute === chute);
  if (chute !== null && committed && diverter && kind) {
    const looping = kind === "recirculation";
    return {
      kind: looping ? "loop" : "chute",
      chute,
      from_mm: diverter.position_mm,
      travel_mm: looping ? topology.belt.recirculation_mm : SLIDE_MM,
    };
  }
  const reject = topology.chute.find((c) => c.kind === "reject");
  return {
    kind: "end",
    chute: reject?.id ?? null,
    from_mm: topology.belt.length_mm,
    travel_mm: SLIDE_MM,
  };
}

export interface Placed extends Point {
  /** 0 on the belt, growing to 1 in the chute. */
  out: number;
  /** On the recirculation conveyor. */
  looping: boolean;
  /** Degrees. */
  turn: number;
}

/** Where the middle of a parcel is drawn when its leading edge is at `mm`. */
export function place(
  shape: Layout,
  exit: ReturnType<typeof exitFor>,
  mm: number,
  length_mm: number,
): Placed {
  const middle = mm - length_mm / 2;
  const past = middle - exit.from_mm;
  if (past <= 0) return { ...onBelt(shape, middle), out: 0, looping: false, turn: 0 };
  const share = Math.min(1, past / Math.max(1, exit.travel_mm));
  if (exit.kind === "loop") return { ...along(shape.loop, share), out: 0, looping: true, turn: 0 };
  const from = onBelt(shape, exit.from_mm);
  const mouth = shape.chutes.find((c) => c.id === exit.chute)?.mouth ?? from;
  const sideways = exit.kind === "chute" ? share : 0;
  return {
    x: from.x + (mouth.x - from.x) * share,
    y: from.y + (mouth.y - from.y) * share,
    out: share,
    looping: false,
    turn: sideways * (mouth.y < from.y || mouth.x > from.x + 2 ? -28 : 28),
  };
}

function onBelt(shape: Layout, mm: number): Point {
  const first = shape.chevrons[0] ?? { x: 0, y: 0 };
  const offset = (mm - 500) * shape.scale;
  return shape.vertical
    ? { x: first.x, y: first.y + offset }
    : { x: first.x + offset, y: first.y };
}

/** The point a share of the way along a line of points. */
export function along(points: Point[], share: number): Point {
  const lengths = points.slice(1).map((p, i) => distance(points[i] ?? p, p));
  let left = lengths.reduce((sum, l) => sum + l, 0) * Math.min(1, Math.max(0, share));
  for (let i = 0; i < lengths.length; i += 1) {
    const length = lengths[i] ?? 0;
    const a = points[i];
    const b = points[i + 1];
    if (!a || !b) break;
    if (left <= length) {
      const part = length === 0 ? 0 : left / length;
      return { x: a.x + (b.x - a.x) * part, y: a.y + (b.y - a.y) * part };
    }
    left -= length;
  }
  return points[points.length - 1] ?? { x: 0, y: 0 };
}

function distance(a: Point, b: Point): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}

/** `points` attribute of an SVG polygon or polyline. */
export function svgPoints(points: Point[]): string {
  return points.map((p) => `${p.x.toFixed(1)},${p.y.toFixed(1)}`).join(" ");
}
