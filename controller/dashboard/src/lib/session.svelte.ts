/** Who looks at this page, and what they may. */
import * as api from "./api";
import { elsewhere } from "./at";
import { dropDrafts } from "./drafts";
import { settings } from "./settings.svelte";
import type { Me, Right } from "./types";

const RETRY_MS = 3_000;

class Session {
  private known = $state.raw<Me | null>(null);
  /** The controller does not answer. */
  away = $state(false);
  get me(): Me | null {
    return this.known;
  }

  set me(me: Me) {
    this.known = me;
    if (me.signed_in) settings.setZone(me.time_zone);
  }

  readonly inside = $derived(this.me !== null && (this.me.open || this.me.signed_in));

  may(right: Right): boolean {
    return this.me?.rights.includes(right) ?? false;
  }

  /** Whoever looks at a line of another controller has there the rights that it says. */
  async there(): Promise<void> {
    try {
      const own = await api.getMe();
      if (!elsewhere()) {
        this.me = own;
        return;
      }
      const { id, rights, four_eyes, time_zone, site } = await api.getMeThere();
      this.me = { ...own, id, rights, four_eyes, time_zone, site };
    } catch {
      // The line itself says that its controller is away; what was known before stays.
    }
  }

  private asking = false;

  /** Asks until there is an answer; also when the connection was lost, for the session may be. */
  async load(): Promise<void> {
    if (this.asking) return;
    this.asking = true;
    await this.ask();
  }

  private async ask(): Promise<void> {
    try {
      const own = await api.getMe();
      if (elsewhere() && own.signed_in) await this.there();
      else this.me = own;
      this.away = false;
      this.asking = false;
    } catch {
      this.away = true;
      setTimeout(() => void this.ask(), RETRY_MS);
    }
  }

  async signIn(id: string, password: string): Promise<void> {
    await api.send("POST", "/api/v1/session", { id, password });
    this.beginAnew();
  }

  async signOut(): Promise<void> {
    await api.send("DELETE", "/api/v1/session");
    this.beginAnew();
  }

  /** Nothing of another person stays on the screen. */
  beginAnew(): void {
    dropDrafts();
    location.reload();
  }
}

export const session = new Session();
