// Pictures of a case: a map's strongest part in colour, outlines, superpixels, and pictures painted over.

const ramp = bytes(album.colours.ramp);
const paint = { for: new Uint32Array(256), against: new Uint32Array(256), ramp: new Uint32Array(256) };
for (let level = 1; level < 256; level++) {
  const strength = (level / 255) ** 2;
  const colours = {
    ramp: ramp.subarray(3 * Math.round(255 * strength), 3 * Math.round(255 * strength) + 3),
    for: album.colours.for,
    against: album.colours.against,
  };
  const alpha = Math.round(255 * (0.3 + 0.7 * strength ** 0.6));
  for (const [key, [r, g, b]] of Object.entries(colours)) paint[key][level] = rgba(r, g, b, alpha);
}

function rgba(r, g, b, a) {
  return new Uint32Array(new Uint8Array([r, g, b, a]).buffer)[0];
}

// A map as levels: 255 at its strongest cell, the square root of the strength; `against` where it speaks against.
function layer(one, map, target, superpixels) {
  const own = target === "true" && wrong(one.number) ? "true" : "maps";
  const key = `${map} ${own} ${superpixels}`;
  if (!one.made.has(key)) one.made.set(key, counted(levels(one, map, own, superpixels && one.labels)));
  return one.made.get(key);
}

function levels(one, map, own, superpixels) {
  const lime = one.lime?.maps.find((row) => row.map === map);
  if (lime) return spread(one, lime.weights[own === "true" ? 1 : 0]);
  const plane = one.planes[own].get(map);
  if (!plane) return null;
  const [rows, columns] = one.coarse;
  const signed = album.maps[map].signed;
  const level = new Uint8Array(plane.length), against = new Uint8Array(plane.length);
  for (let i = 0; i < plane.length; i++) {
    level[i] = signed ? Math.min(255, Math.round((255 * Math.abs(plane[i] - 128)) / 127)) : plane[i];
    against[i] = signed && plane[i] < 128 ? 1 : 0;
  }
  if (!superpixels) return { rows, columns, level, against, signed };
  const sums = new Float64Array(one.lime.superpixels), areas = new Uint32Array(one.lime.superpixels);
  const [fineRows, fineColumns] = one.fine;
  for (let r = 0, i = 0; r < fineRows; r++)
    for (let c = 0; c < fineColumns; c++, i++) {
      const at = Math.floor((r * rows) / fineRows) * columns + Math.floor((c * columns) / fineColumns);
      sums[one.labels[i]] += (level[at] / 255) ** 2 * (against[at] ? -1 : 1);
      areas[one.labels[i]]++;
    }
  return { ...spread(one, sums.map((s, i) => (areas[i] ? s / areas[i] : 0))), signed };
}

// A value for each superpixel as levels on the fine grid.
function spread(one, values) {
  const top = values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  const [rows, columns] = one.fine;
  const level = new Uint8Array(rows * columns), against = new Uint8Array(rows * columns);
  const own = Array.from(values, (v) => (top ? Math.round(255 * Math.sqrt(Math.abs(v) / top)) : 0));
  for (let i = 0; i < level.length; i++) {
    level[i] = own[one.labels[i]];
    against[i] = values[one.labels[i]] < 0 ? 1 : 0;
  }
  return { rows, columns, level, against, signed: true };
}

// How many cells have each level, so that a step of the slider sorts nothing.
function counted(made) {
  if (!made) return null;
  const histogram = new Uint32Array(256);
  for (const v of made.level) histogram[v]++;
  return { ...made, histogram, size: made.level.length };
}

// The lowest level that is shown when at most `share` of the picture may be: never less than the strongest cells.
function cut(made, share) {
  let shown = 0, mass = 0, whole = 0, limit = 256, open = share > 0;
  for (let level = 255; level > 0; level--) {
    const count = made.histogram[level], weight = count * (level / 255) ** 2;
    whole += weight;
    if (!count || !open) continue;
    if (shown && shown + count > share * made.size) open = false;
    else [shown, mass, limit] = [shown + count, mass + weight, level];
  }
  return { limit, shown: shown / made.size, mass: whole ? mass / whole : 0, zero: whole === 0 };
}

function drawMap(canvas, made, limit) {
  if (canvas.pixels?.width !== made.columns || canvas.pixels.height !== made.rows) {
    [canvas.width, canvas.height] = [made.columns, made.rows];
    canvas.pixels = new ImageData(made.columns, made.rows);
  }
  const out = new Uint32Array(canvas.pixels.data.buffer), plus = made.signed ? paint.for : paint.ramp;
  for (let i = 0; i < out.length; i++) {
    const level = made.level[i];
    out[i] = level < limit ? 0 : made.against[i] ? paint.against[level] : plus[level];
  }
  canvas.getContext("2d").putImageData(canvas.pixels, 0, 0);
}

// Lines, in steps of cells: from middle to middle of the sides at which neighbours differ, so that corners are cut
// (marching squares). Outside the picture the value is 0. They are drawn on a canvas of SIDE pixels.
const SIDE = 448;

function edges([rows, columns], value) {
  const lines = [], at = (r, c) => (r < 0 || c < 0 || r >= rows || c >= columns ? 0 : value(r * columns + c));
  for (let r = 0; r <= rows; r++)
    for (let c = 0; c <= columns; c++) {
      const a = at(r - 1, c - 1), b = at(r - 1, c), d = at(r, c), e = at(r, c - 1);
      if (a === b && b === d && d === e) continue;
      const ends = [a !== b && [c, r - 0.5], b !== d && [c + 0.5, r], d !== e && [c, r + 0.5], e !== a && [c - 0.5, r]].filter(Boolean);
      if (ends.length === 2) lines.push([...ends[0], ...ends[1]]);
      else for (const end of ends) lines.push([...end, c, r]);
    }
  return lines;
}

function path(canvas, lines, dashed) {
  const context = canvas.getContext("2d");
  const on = (v, most) => Math.min(Math.max(canvas.scale * v, 2), most - 2);
  context.beginPath();
  for (const [x, y, u, v] of lines) {
    if (dashed && ((x >> 2) + (y >> 2)) % 2) continue;
    context.moveTo(on(x, canvas.width), on(y, canvas.height));
    context.lineTo(on(u, canvas.width), on(v, canvas.height));
  }
  return context;
}

function stroke(canvas, lines, colour, dashed) {
  const context = path(canvas, lines, dashed);
  context.lineCap = "round";
  for (const [style, width] of [["rgb(0 0 0 / 60%)", 8], [colour, 5]]) {
    [context.strokeStyle, context.lineWidth] = [style, width];
    context.stroke();
  }
}

function drawLines(canvas, one, { lesion, regions, superpixels }) {
  canvas.scale = SIDE / Math.max(...one.fine);
  [canvas.height, canvas.width] = one.fine.map((n) => Math.round(canvas.scale * n));
  if (superpixels && one.labels) {
    const context = path(canvas, edges(one.fine, (i) => one.labels[i] + 1), false);
    [context.strokeStyle, context.lineWidth] = ["rgb(255 214 0 / 75%)", 2];
    context.stroke();
  }
  for (const [region, mask] of one.masks) {
    const role = album.regions[region].role;
    if (role === "lesion" ? !lesion : !regions.has(region)) continue;
    const lines = edges(one.fine, (i) => (mask[i >> 3] >> (7 - (i & 7))) & 1);
    if (role === "lesion") stroke(canvas, lines, "#fff", false);
    else stroke(canvas, lines, "#00d7ff", true);
  }
}

// Superpixels that a question hid, in the colour that they were painted over with.
function drawHidden(canvas, one, shown, colours) {
  [canvas.height, canvas.width] = one.fine;
  const image = new ImageData(canvas.width, canvas.height), out = new Uint32Array(image.data.buffer);
  for (let i = 0; i < out.length; i++) {
    const label = one.labels[i];
    out[i] = shown[label] === "1" ? 0 : rgba(...colours.subarray(3 * label, 3 * label + 3), 255);
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

// A picture with room for a map and for lines over it; `words` stand for it where it cannot be seen.
function frame(one, words, kind = "") {
  const canvases = ["heat", "lines"].map((c) => make("canvas", { className: c, width: 1, height: 1, ariaHidden: "true" }));
  const picture = one?.thumb ? make("img", { src: one.thumb, alt: "" }) : make("span", { className: "gone" }, "No picture was kept.");
  const box = make("div", { className: `frame ${kind}`, role: "img", "aria-label": words }, picture, ...canvases);
  return Object.assign(box, { heat: canvases[0], lines: canvases[1] });
}
