// How pictures are drawn: which map, how much of it, how opaque, which outlines; the same for gallery and case.

const $ = (id) => document.getElementById(id);
const state = { map: 0, target: "predicted", share: 0.2, superpixels: false, region: "all", lesion: true };
const explainers = [...new Set(album.maps.map((m) => m.key))];
const everywhere = album.regions.flatMap((r, i) => (r.role === "lesion" ? [] : [i]));

function fill(select, rows, chosen) {
  select.replaceChildren(...rows.map(([value, text]) => make("option", { value, textContent: text })));
  select.value = chosen ?? rows[0]?.[0] ?? "";
}

function layersOf(key) {
  return album.maps.flatMap((m, i) => (m.key === key ? [[i, m.depth]] : []));
}

function choose(map) {
  state.map = map;
  const key = album.maps[map]?.key;
  $("explainer").value = key ?? "";
  fill($("layer"), key ? layersOf(key) : [], map);
  $("layer").disabled = !key || layersOf(key).length < 2;
  legend();
  resort();
  redraw();
}

function legend() {
  const map = album.maps[state.map];
  const rgb = (c) => `rgb(${[...c].join(" ")})`;
  const steps = [0, 60, 120, 180, 255].map((i) => rgb(ramp.subarray(3 * i, 3 * i + 3)));
  const { for: plus, against } = album.colours;
  $("swatch").style.background = map?.signed
    ? `linear-gradient(90deg, ${rgb(against)} 50%, ${rgb(plus)} 50%)`
    : `linear-gradient(90deg, ${steps.join(", ")})`;
  $("swatch-words").textContent = !map ? "There is no map in this run." : map.signed
    ? "blue: against the class; orange: for it." : "from the weakest to the strongest.";
  $("swatch").hidden = !map;
  for (const id of ["explainer", "target", "share", "opacity"]) $(id).disabled = !map;
}

// The regions that are outlined: all, one or none.
const outlined = () => new Set(state.region === "all" ? everywhere : state.region === "none" ? [] : [Number(state.region)]);
const region = () => (/^\d+$/.test(state.region) ? Number(state.region) : null);

// What a picture shows, in words: how much is in colour, and how much of the map lies in the chosen region.
function told(i, map, made, shown, brief) {
  if (!made) return album.maps.length ? "No map was kept." : "";
  if (shown.zero) return "The map is zero everywhere.";
  const said = `In colour: ${percent(shown.shown)} of the picture, with ${percent(shown.mass)} of the map.`;
  return [said, inRegion(i, map, brief)].filter(Boolean).join(" ");
}

function inRegion(i, map, brief) {
  const r = region();
  if (r === null) return "";
  const title = album.regions[r].title, area = album.area[r]?.[i], mass = album.mass[`${map} ${r}`]?.[i];
  if (!area && brief) return "";
  if (area === null || area === undefined) return `${title}: not known in this case.`;
  if (!area) return `${title}: not in this case.`;
  if (state.target === "true" && wrong(i)) return `${title}: ${percent(area / 10000)} of the picture.`; // not scored for it
  const share = mass === null || mass === undefined ? "share of the map not measured" : `${percent(mass / 1000)} of the map`;
  return `${title}: ${share}, ${percent(area / 10000)} of the picture.`;
}

// Draws a map into a frame and says what is shown.
function drawHeat(box, one, map = state.map, brief = false) {
  const made = album.maps.length ? layer(one, map, state.target, state.superpixels) : null;
  const shown = made && cut(made, state.share);
  box.heat.hidden = !made || shown.zero;
  box.classList.toggle("plain", box.heat.hidden);
  if (made && !shown.zero) drawMap(box.heat, made, shown.limit);
  box.dataset.shown = made ? shown.shown.toFixed(4) : "";
  return told(one.number, map, made, shown, brief);
}

const outlines = (box, one) => drawLines(box.lines, one, { lesion: state.lesion, regions: outlined() });

function tools() {
  fill($("explainer"), explainers.map((key) => [key, album.maps.find((m) => m.key === key).explainer]));
  const flagged = album.findings.find((f) => f.outcome === "flagged");
  state.region = flagged ? String(flagged.region) : everywhere.length ? "all" : "none";
  const rows = album.regions.map((r, i) => [String(i), r.title]);
  fill($("region"), [["all", "All regions"], ["none", "No region"], ...rows], state.region);
  $("superpixels").disabled = !album.maps.some((m) => m.key === "lime");
  $("explainer").onchange = (e) => choose(layersOf(e.target.value)[0][0]);
  $("layer").onchange = (e) => choose(Number(e.target.value));
  $("target").onchange = (e) => { state.target = e.target.value; redraw(); };
  $("superpixels").onchange = (e) => { state.superpixels = e.target.checked; redraw(); };
  $("lesion").onchange = (e) => { state.lesion = e.target.checked; relined(); };
  $("region").onchange = (e) => { state.region = e.target.value; relined(); resort(); redraw(); };
  let due = 0;
  $("share").oninput = (e) => {
    state.share = Number(e.target.value) / 100;
    $("share-told").textContent = `${e.target.value} %`;
    due ||= requestAnimationFrame(() => { due = 0; redraw(); });
  };
  $("opacity").oninput = (e) => {
    document.documentElement.style.setProperty("--opacity", Number(e.target.value) / 100);
    $("opacity-told").textContent = `${e.target.value} %`;
  };
  const button = $("bare");
  for (const kind of ["pointerdown", "pointerup", "pointerleave", "pointercancel"])
    button.addEventListener(kind, () => bare(kind === "pointerdown"));
}

// The bare picture, for as long as the button or the space bar is held.
function bare(on) {
  document.body.classList.toggle("bare", on);
  $("bare").setAttribute("aria-pressed", String(on));
}
