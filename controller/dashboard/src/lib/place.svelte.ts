/** Where this page is: the part of the address behind `#`. */
import { hrefOf, placeOf, type PageId, type Place } from "./pages";

class Here {
  now = $state.raw<Place>(placeOf(location.hash));

  constructor() {
    window.addEventListener("hashchange", () => (this.now = placeOf(location.hash)));
  }

  go(page: PageId, ...rest: (string | number)[]): void {
    location.hash = hrefOf(page, ...rest);
  }
}

export const here = new Here();

/** A display on the wall: no menu, nothing to press. `?kiosk` in the address. */
export const kiosk = new URLSearchParams(location.search).has("kiosk");
