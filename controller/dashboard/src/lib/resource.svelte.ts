/** Something asked of the service: what it is, whether it is under way, and what went wrong. */
import * as api from "./api";

type Failure = ReturnType<typeof api.failureOf>;

export class Resource<T> {
  value = $state.raw<T | null>(null);
  failure = $state.raw<Failure | null>(null);
  loading = $state(false);
  private round = 0;

  /** Asks anew. Only the newest answer counts; the old one stays to be seen meanwhile. */
  async load(path: string): Promise<void> {
    await this.run(() => api.getJson<T>(path));
  }

  async run(work: () => Promise<T | null>): Promise<void> {
    const round = ++this.round;
    this.loading = true;
    try {
      const value = await work();
      if (round !== this.round) return;
      this.value = value;
      this.failure = null;
    } catch (failure) {
      if (round === this.round) this.failure = api.failureOf(failure);
    } finally {
      if (round === this.round) this.loading = false;
    }
  }

  clear(): void {
    this.round += 1;
    this.value = null;
    this.failure = null;
    this.loading = false;
  }
}
