// Sorts and filters the table, and keeps the map in step with it. The table is the only store of
// words; text is put on the page as text, never as markup.
(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  document.documentElement.classList.add("scripted");

  const body = byId("table").tBodies[0];
  const rows = [...body.rows];
  const cell = (row, key) => row.querySelector(`[data-key="${key}"]`);
  const textOf = (row, key) => {
    const found = cell(row, key);
    return (found.dataset.value ?? found.textContent).trim();
  };

  // Sorting: rows without a value stay last, whichever way.
  const headings = [...document.querySelectorAll("#table [data-sort]")];
  const sortBy = (button) => {
    const { sort: key, number } = button.dataset;
    const heading = button.closest("th");
    // a first click on numbers shows the largest, on words the first of the alphabet
    const down = heading.hasAttribute("aria-sort")
      ? heading.getAttribute("aria-sort") === "ascending" : Boolean(number);
    for (const other of headings) other.closest("th").removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    const order = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
    const keyed = rows.map((row) => [textOf(row, key), row]);
    keyed.sort(([one, a], [two, b]) => {
      if (!one || !two) return Number(!one) - Number(!two) || a.dataset.site - b.dataset.site;
      const ordered = number ? Number(one) - Number(two) : order.compare(one, two);
      return (down ? -ordered : ordered) || a.dataset.site - b.dataset.site;
    });
    body.append(...keyed.map(([, row]) => row));
  };
  for (const button of headings) button.addEventListener("click", () => sortBy(button));

  // The map: degrees on a plain ground, a dot for each site that has a place.
  const markers = new Map();
  let chosen = null;
  const map = byId("map") && L.map("map", {
    attributionControl: false, zoomSnap: 0.25, zoomDelta: 0.5, minZoom: 1, maxZoom: 16,
    maxBounds: [[-85, -190], [85, 190]], maxBoundsViscosity: 0.8,
  });
  const words = (tag, text) => {
    const element = document.createElement(tag);
    element.textContent = text;
    return element;
  };
  const cardOf = (number) => {
    const row = rows[number];
    const box = document.createElement("div");
    const title = words("h3", "");
    const link = row.querySelector("a");
    if (link) {
      const copy = words("a", link.textContent);
      copy.setAttribute("href", link.getAttribute("href"));
      title.append(copy);
    } else title.textContent = data.sites[number].name;
    const facts = document.createElement("dl");
    for (const found of row.querySelectorAll("td")) {
      const parts = [...found.childNodes]
        .map((part) => (part.nodeName === "DETAILS" ? part.lastChild : part).textContent.trim())
        .filter(Boolean);
      if (parts.length) {
        facts.append(words("dt", found.dataset.label), words("dd", parts.join(" · ")));
      }
    }
    box.append(title, facts);
    return box;
  };
  const choose = (number) => {
    if (chosen !== null) {
      markers.get(chosen).getElement()?.classList.remove("chosen");
      rows[chosen].classList.remove("chosen");
    }
    chosen = number;
    const marker = markers.get(number);
    marker.bringToFront();
    marker.getElement()?.classList.add("chosen");
    rows[number].classList.add("chosen");
    byId("card").replaceChildren(cardOf(number));
  };
  const radius = (hectares) => 5 + Math.min(9, 5 * Math.sqrt(hectares || 0));
  data.sites.forEach((site, number) => {
    if (!site.place) return;
    const marker = L.circleMarker(site.place, {
      radius: radius(site.hectares), className: `site ${site.outcome}`,
    });
    marker.bindTooltip(words("span", site.name), {
      permanent: data.sites.length <= data.named, direction: "right", className: "name",
      offset: [radius(site.hectares), 0],
    });
    marker.on("click", () => choose(number));
    marker.on("add", () => {
      const path = marker.getElement();
      path.setAttribute("tabindex", "0");
      path.setAttribute("role", "button");
      path.setAttribute("aria-label", site.name);
      path.onkeydown = (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        choose(number);
      };
    });
    markers.set(number, marker);
  });

  const frame = () => {
    const places = [...markers].filter(([n]) => !rows[n].hidden).map(([n]) => data.sites[n].place);
    if (places.length) {
      // room for names on the right, where the buttons are too
      map.fitBounds(L.latLngBounds(places), {
        paddingTopLeft: [60, 40], paddingBottomRight: [130, 40], maxZoom: 11, animate: false,
      });
    }
  };
  const STEPS = [30, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001];
  const degrees = (value, step, names) => {
    const decimals = Math.max(0, Math.ceil(-Math.log10(step)));
    return `${Math.abs(value).toFixed(decimals)}° ${value < 0 ? names[1] : names[0]}`;
  };
  const addGraticule = () => {
    const lines = L.layerGroup().addTo(map);
    const pane = map.createPane("degrees");
    pane.style.zIndex = 210; // below the sites
    const label = (text, point) => L.marker(map.containerPointToLatLng(point), {
      interactive: false, keyboard: false, pane: "degrees",
      icon: L.divIcon({ className: "graticule", html: words("span", text), iconSize: null }),
    }).addTo(lines);
    const line = (ends) => L.polyline(ends, {
      color: "#b3bab0", weight: 1, interactive: false, pane: "degrees",
    }).addTo(lines);
    const draw = () => {
      lines.clearLayers();
      const box = map.getBounds();
      const size = map.getSize();
      const [west, east] = [Math.max(box.getWest(), -180), Math.min(box.getEast(), 180)];
      const [south, north] = [Math.max(box.getSouth(), -85), Math.min(box.getNorth(), 85)];
      const step = STEPS.findLast((one) => (east - west) / one <= size.x / 110) ?? STEPS[0];
      for (let k = Math.ceil(west / step); k * step <= east; k += 1) {
        line([[south, k * step], [north, k * step]]);
        const x = map.latLngToContainerPoint([south, k * step]).x;
        if (x < size.x - 50) label(degrees(k * step, step, "EW"), [x + 3, size.y - 18]);
      }
      for (let k = Math.ceil(south / step); k * step <= north; k += 1) {
        line([[k * step, west], [k * step, east]]);
        const y = map.latLngToContainerPoint([k * step, west]).y;
        if (y < size.y - 40) label(degrees(k * step, step, "NS"), [3, y + 1]);
      }
    };
    map.on("moveend resize", draw);
    draw();
  };
  // Of names that would lie on each other, the one of the larger dot is drawn; none covers a dot.
  const partNames = () => {
    const taken = [];
    const dots = [...markers.values()].filter((marker) => map.hasLayer(marker))
      .map((marker) => [marker, marker.getElement().getBoundingClientRect()]);
    const apart = (box, other) => box.right < other.left || other.right < box.left ||
      box.bottom < other.top || other.bottom < box.top;
    const largestFirst = [...markers].sort(([a, one], [b, two]) =>
      two.getRadius() - one.getRadius() || a - b);
    for (const [, marker] of largestFirst) {
      const name = marker.getTooltip().getElement();
      if (!name || !map.hasLayer(marker)) continue;
      const box = name.getBoundingClientRect();
      const free = taken.every((other) => apart(box, other)) &&
        dots.every(([other, dot]) => other === marker || apart(box, dot));
      name.classList.toggle("crowded", !free);
      if (free) taken.push(box);
    }
  };
  if (map) {
    map.zoomControl.setPosition("topright");
    map.setView([0, 0], 2);
    for (const marker of markers.values()) marker.addTo(map);
    frame();
    L.control.scale({ imperial: false, position: "bottomright" }).addTo(map);
    addGraticule();
    partNames();
    map.on("zoomend resize", partNames);
    // a sheet's own layout comes after this event: the map is given the sheet's size beforehand
    const fit = () => { map.invalidateSize({ animate: false, pan: false }); frame(); partNames(); };
    window.addEventListener("beforeprint", () => {
      document.documentElement.classList.add("printing");
      fit();
    });
    window.addEventListener("afterprint", () => {
      document.documentElement.classList.remove("printing");
      fit();
    });
    for (const button of document.querySelectorAll("button.show")) {
      button.addEventListener("click", () => {
        const number = Number(button.closest("tr").dataset.site);
        byId("where").scrollIntoView({ block: "start" });
        map.setView(data.sites[number].place, Math.max(map.getZoom(), 9), { animate: false });
        choose(number);
        markers.get(number).getElement().focus({ preventScroll: true });
      });
    }
  }

  // Filtering: a site is shown where every field that says something is met.
  const filters = byId("filters");
  const fits = (row) => {
    const asked = Object.fromEntries(new FormData(filters));
    const plain = (text) => text.toLocaleLowerCase().normalize("NFKC");
    const least = parseFloat(asked.least);
    const among = (key) => textOf(row, key).split(", ");
    return plain(row.textContent).includes(plain(asked.words.trim())) &&
      (!asked.outcome || textOf(row, "outcome") === asked.outcome) &&
      (!asked.province || textOf(row, "province") === asked.province) &&
      (!asked.year || textOf(row, "year") === asked.year) &&
      (!asked.ground || among("replaced").includes(asked.ground)) &&
      !(parseFloat(textOf(row, "new") || "-1") < least);
  };
  const filter = () => {
    let shown = 0;
    rows.forEach((row, number) => {
      row.hidden = !fits(row);
      shown += !row.hidden;
      const marker = markers.get(number);
      if (!marker) return;
      if (row.hidden) marker.remove(); else if (!map.hasLayer(marker)) marker.addTo(map);
    });
    if (map) partNames();
    byId("shown").textContent = `${shown} of ${rows.length} sites are shown.`;
  };
  filters.addEventListener("input", filter);
  filters.addEventListener("submit", (event) => event.preventDefault());
  filters.addEventListener("reset", () => setTimeout(filter));
})();
