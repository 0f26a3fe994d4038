/** The controller as it says of itself. */
export interface System {
  version: string;
  up_s: number;
  site: { id: string; name: string; time_zone: string };
  open: boolean;
  journal_bytes: number | null;
  streams: number;
  node: { address: string; up: boolean };
  stroke_us: { p50: number | null; p99: number | null };
  mqtt: {
    broker: string;
    connected: boolean;
    waiting: number;
    published: number;
    dropped: number;
    commands_accepted: number;
    commands_refused: number;
  };
  files: string[];
}

export const ROLES = ["viewer", "operator", "coder", "planner", "maintainer", "supervisor", "admin"] as const;
export type Role = (typeof ROLES)[number];
