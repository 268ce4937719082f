// Draws the map, moves the swipe, and says in words what was clicked. Reads one block of JSON;
// puts text on the page as text, never as markup.
(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const SVG = "http://www.w3.org/2000/svg";
  document.documentElement.classList.add("scripted");

  const latLngs = (polygon) => polygon.map((ring) => ring.map(([x, y]) => [y, x]));
  const bounds = ([west, east, south, north]) => [[south, west], [north, east]];
  const hectares = (value) => `${value.toFixed(value < 0.1 ? 4 : 2)} ha`;
  const percent = (share) => `${Math.round(100 * share)} %`;

  // As tall as the site and the buttons above it need: on a tall phone half of a taller map would
  // be empty.
  const [west, east, south, north] = data.frame;
  byId("map").style.setProperty("--shape", (east - west) / (1.15 * (north - south)));
  const map = L.map("map", {
    crs: L.CRS.Simple, attributionControl: false, zoomSnap: 0, zoomDelta: 0.5,
    minZoom: -8, maxZoom: 6, maxBoundsViscosity: 0.6,
  });
  map.fitBounds(bounds(data.frame), { paddingTopLeft: [8, 56], paddingBottomRight: [8, 8], animate: false });
  map.options.zoomSnap = 0.25; // only now: a first view in such steps would leave a wide margin
  map.setMaxBounds(L.latLngBounds(bounds(data.extent)).pad(0.4));
  L.control.scale({ imperial: false, position: "topleft", maxWidth: 140 }).addTo(map);

  const picture = (date, depth) => {
    const pane = map.createPane(date);
    pane.style.zIndex = depth; // a pane without one covers the polygons
    const image = byId(`picture-${date}`);
    L.imageOverlay(image.src, bounds(data[date].extent), { pane: date, alt: image.alt }).addTo(map);
    return pane;
  };
  picture("before", 200);
  const afterPane = picture("after", 250);

  const swipe = byId("swipe");
  const divider = document.querySelector(".divider");
  const moveSwipe = () => {
    const size = map.getSize();
    const at = size.x * swipe.value / 1000;
    const topLeft = map.containerPointToLayerPoint([0, 0]);
    const bottomRight = map.containerPointToLayerPoint(size);
    afterPane.style.clip =
      `rect(${topLeft.y}px, ${bottomRight.x}px, ${bottomRight.y}px, ${topLeft.x + at}px)`;
    divider.style.left = `${at}px`;
    const share = Math.round(swipe.value / 10);
    swipe.setAttribute("aria-valuetext", `${share} % before, ${100 - share} % after`);
  };
  swipe.addEventListener("input", moveSwipe);
  map.on("move zoom resize", moveSwipe);
  moveSwipe();

  const words = (tag, text) => {
    const element = document.createElement(tag);
    element.textContent = text;
    return element;
  };
  const card = (title, sentences, facts) => {
    const box = document.createElement("div");
    box.append(words("h3", title), ...sentences.map((text) => words("p", text)));
    const list = document.createElement("dl");
    for (const [name, value] of facts) list.append(words("dt", name), words("dd", value));
    box.append(list);
    return box;
  };
  const placeOf = ([x, y]) => {
    if (!data.places) return null;
    const [west, east, south, north] = data.extent;
    const { across, down, degrees } = data.places;
    const u = across * (x - west) / (east - west), v = down * (north - y) / (north - south);
    const cell = (at, count) => Math.min(Math.max(Math.floor(at), 0), count - 1);
    const [i, j] = [cell(u, across), cell(v, down)];
    const [s, t] = [u - i, v - j];
    const [[ul, ur], [ll, lr]] = [0, 1].map((k) => degrees[j + k].slice(i, i + 2));
    return [0, 1].map((k) =>
      (1 - t) * ((1 - s) * ul[k] + s * ur[k]) + t * ((1 - s) * ll[k] + s * lr[k]));
  };
  const placeWords = (point) => {
    const place = placeOf(point);
    if (!place) return `${point[0].toFixed(1)} m right, ${(-point[1]).toFixed(1)} m down`;
    const [lon, lat] = place;
    return `${Math.abs(lat).toFixed(6)}° ${lat < 0 ? "S" : "N"}, ` +
      `${Math.abs(lon).toFixed(6)}° ${lon < 0 ? "W" : "E"}`;
  };
  // How the command line names a point inside a patch; its evidence is too much for a page.
  const askedOf = ([x, y]) => {
    const place = placeOf([x, y]);
    if (place) return `--at ${place.map((degree) => degree.toFixed(6)).join(",")}`;
    return `--pixel ${Math.floor(-y / data.pixel_m)},${Math.floor(x / data.pixel_m)}`;
  };
  const middle = (ring) => {
    const box = L.latLngBounds(ring.map(([x, y]) => [y, x])).getCenter();
    return [box.lng, box.lat];
  };

  const buildingCard = (one) => card(
    `Building ${one.number}`,
    [
      one.replaced ? "Another building stood here before." : `Before: ${one.was}.`,
      { roofed: "Now: a building with a roof.",
        "frame or foundation": "Now: a frame or foundation, not roofed yet." }[one.stage]
        ?? "Now: a building; whether it has a roof cannot be told.",
      `The model is ${percent(one.probability)} sure, on average over its pixels.`,
      ...(one.part_unseen ? [`Seen ${data.part_unseen}.`] : []),
    ],
    [
      ["area", (one.part_unseen ? "≥ " : "") + hectares(one.hectares)],
      ["size", `${one.length_m.toFixed(0)} × ${one.width_m.toFixed(0)} m`],
      ["direction", one.direction === "–" ? "cannot be told"
        : `${one.direction}° from grid north`],
      ["rectangular", percent(one.rectangularity)],
      ["place", placeWords(middle(one.rings[0]))],
      ["why", `landshift explain RESULT --building ${one.number}`],
    ]);
  const patchCard = (one) => card(
    one.replaced ? "building → another building" : `${one.before} → ${one.after}`,
    [
      `Before: ${one.before}. After: ${one.replaced ? "another building" : one.after}.`,
      `The model is ${percent(one.probability)} sure, on average over its pixels.`,
      ...(one.probability < 0.6 ? ["That is little: look at both pictures before relying on it."]
        : []),
    ],
    [
      ["area", hectares(one.hectares)], ["place", placeWords(middle(one.rings[0]))],
      ["why", `landshift explain RESULT ${askedOf(one.at)}`],
    ]);

  // The card stands beside the map: a popup would cover the very thing that was clicked.
  let chosen = null;
  const choose = (layer, makeCard) => {
    if (chosen) chosen.layer.setStyle(chosen.style);
    const { color, weight } = layer.options;
    chosen = { layer, style: { color, weight } };
    layer.setStyle({ color: "#fff200", weight: 4 });
    layer.bringToFront();
    byId("card").replaceChildren(makeCard());
  };
  const clickable = (layer, label, makeCard) => {
    layer.on("click", () => choose(layer, makeCard));
    layer.choose = () => choose(layer, makeCard);
    layer.on("add", () => {
      const path = layer.getElement();
      path.setAttribute("tabindex", "0");
      path.setAttribute("role", "button");
      path.setAttribute("aria-label", label);
      path.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        layer.choose();
      });
    });
    return layer;
  };

  const layers = {};
  const add = (key, members) => { layers[key] = L.layerGroup(members).addTo(map); };
  add("unseen", data.unseen.map((polygon) => L.polygon(latLngs(polygon), {
    stroke: false, fillColor: "url(#hatch-unseen)", fillOpacity: 1, interactive: false,
  })));
  for (const kind of data.kinds) {
    add(kind, data.patches.filter((one) => one.kind === kind).map((one) => clickable(
      L.polygon(latLngs(one.rings), {
        color: "#111", weight: 0.6, fillColor: `url(#hatch-${kind})`, fillOpacity: 0.7,
      }),
      `${one.before} to ${one.after}, ${hectares(one.hectares)}`, () => patchCard(one))));
  }
  const buildings = data.buildings.map((one) => {
    const layer = clickable(
      L.polygon(latLngs(one.rings), {
        color: "#000", weight: 2, fillOpacity: 0, dashArray: one.part_unseen ? "6 4" : null,
      }),
      `building ${one.number}, was ${one.was}, ${hectares(one.hectares)}`,
      () => buildingCard(one));
    if (one.number <= data.numbered) {
      layer.bindTooltip(words("span", String(one.number)), {
        permanent: true, direction: "top", className: "number", offset: [0, 4],
      });
    }
    return layer;
  });
  // dashes would be lost on hatching without a light line below them
  add("buildings", [...data.buildings.filter((one) => one.part_unseen).map((one) => L.polygon(
    latLngs(one.rings), { color: "#fff", weight: 3, fill: false, interactive: false })), ...buildings]);
  // Of numbers that would lie on each other the larger building's is drawn; zooming in parts them.
  const partNumbers = () => {
    const taken = [];
    for (const layer of buildings) {
      const number = layer.getTooltip()?.getElement();
      if (!number || !map.hasLayer(layer)) continue;
      const box = number.getBoundingClientRect();
      const free = taken.every((other) => box.right < other.left || other.right < box.left ||
        box.bottom < other.top || other.bottom < box.top);
      number.classList.toggle("crowded", !free);
      if (free) taken.push(box);
    }
  };
  map.on("zoomend resize", partNumbers);
  partNumbers();
  add("outline", data.outline.flatMap((polygon) => [
    L.polygon(latLngs(polygon), { color: "#000", weight: 4, fill: false, interactive: false }),
    L.polygon(latLngs(polygon), {
      color: "#fff", weight: 2, dashArray: "8 5", fill: false, interactive: false,
    }),
  ]));
  const boxes = [...document.querySelectorAll("[data-layer]")];
  const allLayers = byId("all-layers");
  const showLayer = (box, shown) => {
    box.checked = shown;
    if (shown) layers[box.dataset.layer].addTo(map); else layers[box.dataset.layer].remove();
    partNumbers();
    allLayers.textContent = boxes.some((one) => one.checked) ? "Hide all" : "Show all";
  };
  for (const box of boxes) box.addEventListener("change", () => showLayer(box, box.checked));
  allLayers.addEventListener("click", () => {
    const shown = !boxes.some((box) => box.checked);
    for (const box of boxes) showLayer(box, shown);
  });

  for (const button of document.querySelectorAll("button.show")) {
    button.addEventListener("click", () => {
      const layer = buildings[Number(button.dataset.building)];
      const box = document.querySelector('[data-layer="buildings"]');
      if (!box.checked) showLayer(box, true);
      byId("map").scrollIntoView({ block: "nearest" });
      map.fitBounds(layer.getBounds().pad(1), { animate: false, maxZoom: 3 });
      layer.choose();
    });
  }
  map.on("mousemove", (event) => {
    byId("place").textContent = placeWords([event.latlng.lng, event.latlng.lat]);
  });

  // On paper there is nothing to swipe: the changes are drawn once over the after picture.
  const drawing = (parts, style) => {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", parts.flatMap((rings) => rings.map((ring) =>
      `M${ring.map(([x, y]) => `${x},${-y}`).join("L")}Z`)).join(""));
    for (const [name, value] of Object.entries({ "fill-rule": "evenodd", ...style })) {
      path.setAttribute(name, value);
    }
    return path;
  };
  const wordsAt = (text, x, y, size) => {
    const element = document.createElementNS(SVG, "text");
    const style = {
      x, y, "font-size": size, "font-weight": 700, "text-anchor": "middle", fill: "#000",
      stroke: "#fff", "stroke-width": size / 5, "paint-order": "stroke",
    };
    for (const [name, value] of Object.entries(style)) element.setAttribute(name, value);
    element.textContent = text;
    return element;
  };
  // A bar of a round length, and an arrow that points to true north; letters are as tall on every
  // sheet, whatever the shape of the ground.
  const scaleAndNorth = ([west, east, south, north], size) => {
    const wide = east - west;
    const most = Math.min(Math.max(0.3 * wide, 6 * size), 0.9 * wide);
    const round = 10 ** Math.floor(Math.log10(most));
    const length = round * [5, 2, 1].find((one) => one * round <= most);
    const [x, y] = [west + 0.04 * wide, -south - 0.7 * size];
    const bar = drawing([[[[x, -y], [x + length, -y]]]], { stroke: "#000", "stroke-width": size / 3 });
    const label = wordsAt(
      length < 1000 ? `${length} m` : `${length / 1000} km`, x, y - 0.5 * size, size);
    label.setAttribute("text-anchor", "start"); // of thin ground the bar is shorter than its words
    const parts = [bar, label];
    if (data.north_deg === null) return parts;
    const tip = [[0, 1.6], [0.7, -0.8], [0, -0.3], [-0.7, -0.8]].map(([u, v]) => [u * size, v * size]);
    const arrow = drawing([[tip]], { stroke: "#fff", "stroke-width": size / 8 });
    const name = wordsAt("N", 0, 2 * size, size);
    const group = document.createElementNS(SVG, "g");
    group.setAttribute("transform",
      `translate(${Math.max(east - 2 * size, west + size)} ${-north + 2.5 * size}) ` +
      `rotate(${data.north_deg})`);
    group.append(arrow, name);
    return [...parts, group];
  };
  // The map's patterns measure in its pixels, a sheet's drawing in metres.
  const sheetHatch = (key, pixel) => {
    const hatch = byId(`hatch-${key}`).cloneNode(true);
    hatch.id = `sheet-${hatch.id}`;
    hatch.setAttribute("patternTransform", `scale(${pixel})`);
    return hatch;
  };
  const filled = (name, style) => {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(style)) element.setAttribute(key, value);
    return element;
  };
  // A sheet of one date: the site and a rim, the same ground on every sheet. Over the whole picture
  // the numbers of a small site would lie on each other.
  const sheet = (id, date, frame, opacity) => {
    const [x, y, width, height] = [frame[0], -frame[3], frame[1] - frame[0], frame[3] - frame[2]];
    const viewBox = `${x} ${y} ${width} ${height}`;
    const svg = byId(id);
    svg.setAttribute("viewBox", viewBox);
    svg.setAttribute("preserveAspectRatio", "xMinYMin");
    const inside = filled("svg", { x, y, width, height, viewBox }); // cuts where the sheet is wider
    const [left, right, bottom, top] = data[date].extent;
    inside.append(filled("image", {
      x: left, y: -top, width: right - left, height: top - bottom, opacity,
      preserveAspectRatio: "none", href: byId(`picture-${date}`).src,
    }));
    svg.append(inside);
    return inside;
  };
  // Largest first; of numbers that would lie on each other the larger building's is drawn.
  const sheetNumbers = (line) => {
    const size = 12 * line, taken = [], drawn = [];
    for (const one of data.buildings.slice(0, data.numbered)) {
      const [x, y] = one.rings[0].reduce((best, point) => (point[1] > best[1] ? point : best));
      const half = 0.36 * size * String(one.number).length;
      if (taken.some(([u, v, w]) => Math.abs(u - x) < w + half && Math.abs(v - y) < size)) continue;
      taken.push([x, y, half]);
      drawn.push(wordsAt(String(one.number), x, -y - 2 * line, size));
    }
    return drawn;
  };
  const drawStills = () => {
    if (byId("still-changes").childElementCount) return;
    const whole = data.after.extent;
    const rim = 0.06 * Math.max(east - west, north - south);
    const frame = [
      Math.max(west - rim, whole[0]), Math.min(east + rim, whole[1]),
      Math.max(south - rim, whole[2]), Math.min(north + rim, whole[3]),
    ];
    const line = Math.max(frame[1] - frame[0], frame[3] - frame[2]) / 400; // a sheet has some 400 dots
    const outline = () => drawing(data.outline, {
      fill: "none", stroke: "#000", "stroke-width": line, "stroke-dasharray": `${5 * line} ${3 * line}`,
    });
    const around = () => [
      drawing(data.outline, { fill: "none", stroke: "#fff", "stroke-width": 2 * line }), outline(),
      ...scaleAndNorth(frame, 12.5 * line),
    ];
    sheet("still-before", "before", frame, 1).append(...around());
    sheet("still-after", "after", frame, 1).append(...around());
    const outlines = (cut, style) => drawing(
      data.buildings.filter((one) => one.part_unseen === cut).map((one) => one.rings),
      { fill: "none", stroke: "#000", "stroke-width": line, ...style });
    const numbers = sheetNumbers(line);
    sheet("still-changes", "after", frame, 0.45).append(
      ...["unseen", ...data.kinds].map((key) => sheetHatch(key, line)),
      drawing(data.unseen, { fill: "url(#sheet-hatch-unseen)" }), ...data.kinds.map((kind) => drawing(
        data.patches.filter((one) => one.kind === kind).map((one) => one.rings),
        { fill: `url(#sheet-hatch-${kind})` })),
      outlines(false, {}), outlines(true, { stroke: "#fff", "stroke-width": 1.8 * line }),
      outlines(true, { "stroke-dasharray": `${4 * line} ${2 * line}` }),
      outline(), ...numbers, ...scaleAndNorth(frame, 12.5 * line));
    if (numbers.length < data.buildings.length) {
      byId("still-numbers").textContent =
        `${numbers.length} of ${data.buildings.length} new buildings have room for their numbers`;
    }
  };
  window.addEventListener("beforeprint", () => {
    drawStills();
    byId("software").open = true; // settings and licence would be ten pages of paper
  });
})();
