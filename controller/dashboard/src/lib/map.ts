/** Places on a plain map: equirectangular, cut to what is shown. Pure. */

export interface PlaceOnMap {
  id: string;
  name: string;
  country: string;
  kind: string;
  lat: number;
  lon: number;
}

export interface Bounds {
  west: number;
  north: number;
  /** Degrees of longitude and latitude shown. */
  width: number;
  height: number;
}

/** Least span shown, so that one town does not fill the map. */
const SPAN_DEG = 2;
const MARGIN = 0.12;

/** The part of the world that holds all places, with the shape of the picture. */
export function bounds(places: { lat: number; lon: number }[], ratio: number): Bounds {
  if (places.length === 0) return { west: -180, north: 90, width: 360, height: 180 };
  const lats = places.map((place) => place.lat);
  const lons = places.map((place) => place.lon);
  const [south, north] = [Math.min(...lats), Math.max(...lats)];
  const [west, east] = [Math.min(...lons), Math.max(...lons)];
  // A degree of longitude is shorter away from the equator.
  const squeeze = Math.max(0.2, Math.cos((((south + north) / 2) * Math.PI) / 180));
  let width = Math.max(SPAN_DEG, (east - west) * (1 + 2 * MARGIN));
  let height = Math.max(SPAN_DEG, (north - south) * (1 + 2 * MARGIN));
  if ((width * squeeze) / height > ratio) height = (width * squeeze) / ratio;
  else width = (height * ratio) / squeeze;
  return {
    west: (west + east) / 2 - width / 2,
    north: (south + north) / 2 + height / 2,
    width,
    height,
  };
}

export function project(
  place: { lat: number; lon: number },
  shown: Bounds,
  width: number,
  height: number,
): { x: number; y: number } {
  return {
    x: ((place.lon - shown.west) / shown.width) * width,
    y: ((shown.north - place.lat) / shown.height) * height,
  };
}
