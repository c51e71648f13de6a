// The gallery: which cases, in which order, twenty-four to a page.

const PAGE = 24;
let order = [], page = 0, tiles = [];

const SIEVES = {
  finding: (value, i) => {
    const { region, cases } = album.findings[value];
    return cases.length ? cases.includes(i) : album.area[region]?.[i] > 0;
  },
  label: (value, i) => album.cases.label[i] === Number(value),
  answered: (value, i) => album.cases.predicted[i] === Number(value),
  right: (value, i) => (value === "none" ? album.cases.predicted[i] < 0 : album.cases.predicted[i] >= 0 && wrong(i) === (value === "wrong")),
  group: (value, i) => album.cases.group[i] === Number(value),
  reviewed: (value, i) => (value === "any" ? Boolean(notes[album.cases.id[i]]) : value === "open" ? !notes[album.cases.id[i]] : notes[album.cases.id[i]]?.verdict === value),
  search: (value, i) => album.cases.id[i].toLowerCase().includes(value.toLowerCase()),
};

// A number to sort by, or null where there is none: those come last, whichever way round.
const SORTS = {
  run: ["Order of the run", (i) => i],
  p: ["Probability of the answer", (i) => album.cases.p[i]],
  apart: ["Disagreement between explainers", (i) => album.cases.apart[i]],
  mass: ["Share of the map in the region", (i) => album.mass[`${state.map} ${region()}`]?.[i]],
  density: ["That share over the region's area", (i) => {
    const mass = album.mass[`${state.map} ${region()}`]?.[i], area = album.area[region()]?.[i];
    return area && mass !== null && mass !== undefined ? (10 * mass) / area : null;
  }],
  moved: ["Effect of painting the region over", (i) => album.moved[region()]?.[i]],
};

function sieve() {
  const set = Object.keys(SIEVES).filter((key) => $(key).value !== "");
  const value = SORTS[$("sort").value][1], sign = $("down").getAttribute("aria-pressed") === "true" ? -1 : 1;
  const keys = album.cases.id.map((_, i) => value(i) ?? null);
  order = album.cases.id.map((_, i) => i).filter((i) => set.every((key) => SIEVES[key]($(key).value, i)));
  order.sort((a, b) => (keys[a] === null) - (keys[b] === null) || sign * (keys[a] - keys[b]) || a - b);
  page = 0;
  show();
}

// Only an order that follows the map or the region changes with it.
function resort() {
  if (["mass", "density", "moved"].includes($("sort").value)) sieve();
}

function show() {
  const shown = order.slice(page * PAGE, (page + 1) * PAGE);
  tiles = shown.map(tile);
  $("tiles").replaceChildren(...tiles.map((t) => t.item));
  const pages = Math.max(1, Math.ceil(order.length / PAGE));
  const asked = region() === null && ["mass", "density", "moved"].includes($("sort").value);
  $("count").textContent = !order.length ? `None of the ${total} cases is like this.`
    : `Cases ${page * PAGE + 1} to ${page * PAGE + shown.length} of ${order.length}` + (order.length < total ? ` that are like this, of ${total} in all.` : ".")
      + (asked ? " To sort by a region, choose one region above." : "");
  $("page").textContent = `Page ${page + 1} of ${pages}`;
  $("previous").disabled = page === 0;
  $("next").disabled = page >= pages - 1;
  return Promise.all(tiles.map(painted));
}

function link(i) {
  const map = album.maps[state.map]?.name;
  return `#case=${encodeURIComponent(album.cases.id[i])}` + (map ? `&ex=${encodeURIComponent(map)}` : "") + (state.target === "true" ? "&class=true" : "");
}

function tile(i) {
  const words = make("p", { className: "told" });
  const anchor = make("a", { href: link(i), textContent: album.cases.id[i] });
  const holder = make("div", { className: "frame" });
  const mark = notes[album.cases.id[i]] ? make("p", { className: "mark", textContent: `Reviewed: ${VERDICTS[notes[album.cases.id[i]].verdict] ?? "a note"}` }) : null;
  const item = make("li", {}, holder, make("p", {}, anchor),
    make("p", { className: wrong(i) ? "wrong" : "", textContent: (wrong(i) ? "✗ wrong: " : "") + answer(i) }), words, mark);
  return { number: i, item, holder, words, anchor };
}

async function painted(t) {
  try {
    t.one = await open(t.number);
  } catch (problem) {
    t.words.textContent = problem.message;
    return;
  }
  t.box = frame(t.one, "");
  t.holder.replaceWith(t.box);
  outlines(t.box, t.one);
  refresh(t);
}

function refresh(t) {
  const map = album.maps[state.map], words = `Case ${album.cases.id[t.number]}, ${answer(t.number)}`;
  t.box.setAttribute("aria-label", map ? `${words}; map of ${map.title} over the picture` : words);
  t.words.textContent = [drawHeat(t.box, t.one), ordered(t.number)].filter(Boolean).join(" ");
}

function ordered(i) {
  const key = $("sort").value, value = SORTS[key][1](i);
  if (!["apart", "density", "moved"].includes(key)) return "";
  if (value === null || value === undefined) return `${SORTS[key][0]}: not measured.`;
  return key === "moved" ? `Painted over: ${number2(value / 1000)} log-odds beyond control.`
    : key === "apart" ? `Disagreement ${number2(value)}.` : `Density ${number2(value)}.`;
}

function redraw() {
  for (const t of tiles) {
    if (t.box) refresh(t);
    t.anchor.href = link(t.number);
  }
  viewed?.redraw();
}

function relined() {
  for (const t of tiles) if (t.box) outlines(t.box, t.one);
  viewed?.relined();
}

function turn(step) {
  page += step;
  const done = show();
  $("gallery").scrollIntoView();
  return done;
}

// The next or the previous tile; past the end of a page, the next page.
function step(by) {
  const at = tiles.findIndex((t) => t.item.contains(document.activeElement));
  const to = at < 0 ? 0 : at + by;
  if (to >= 0 && to < tiles.length) return tiles[to].anchor.focus();
  if ((to < 0 && page > 0) || (to >= tiles.length && (page + 1) * PAGE < order.length)) {
    turn(by);
    tiles.at(to < 0 ? -1 : 0)?.anchor.focus();
  }
}

function list() {
  const names = (column) => [...new Set(album.cases[column])].filter((i) => i >= 0).sort((a, b) => a - b);
  const any = (rows, word = "any") => [["", word], ...rows];
  fill($("finding"), any(album.findings.map((f, i) => [String(i), `${f.title} (${f.outcome})`])));
  fill($("label"), any(names("label").map((i) => [String(i), album.names[i]])));
  fill($("answered"), any(names("predicted").map((i) => [String(i), album.names[i]])));
  fill($("right"), any([["right", "right"], ["wrong", "wrong"], ["none", "none given"]]));
  fill($("group"), any(names("group").map((i) => [String(i), album.groups[i] || "none"])));
  fill($("reviewed"), any([["any", "reviewed"], ["open", "not reviewed"], ...Object.entries(VERDICTS)]));
  fill($("sort"), Object.entries(SORTS).map(([key, [text]]) => [key, text]), "run");
  $("group").closest("label").hidden = names("group").length < 2;
  $("finding").closest("label").hidden = !album.findings.length;
  for (const key of [...Object.keys(SIEVES), "sort"]) $(key).oninput = sieve;
  $("sort").onchange = () => { $("down").setAttribute("aria-pressed", String(!["run"].includes($("sort").value))); sieve(); };
  $("down").onclick = () => { $("down").setAttribute("aria-pressed", String($("down").getAttribute("aria-pressed") !== "true")); sieve(); };
  $("reset").onclick = () => { for (const key of Object.keys(SIEVES)) $(key).value = ""; sieve(); };
  $("previous").onclick = () => turn(-1);
  $("next").onclick = () => turn(1);
}
