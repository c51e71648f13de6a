// One case: the picture, every depth, gradients, superpixels, questions with their answers, how far maps agree.

let viewed = null;

const maps = (key) => album.maps.flatMap((m, i) => (m.key === key ? [i] : []));

function strip(title, boxes, note) {
  const shown = boxes.filter(Boolean);
  if (!shown.length) return null;
  return make("section", { className: "strip" }, make("h3", { textContent: title }),
    make("div", { className: "pictures" }, ...shown), note ? make("p", { className: "note", textContent: note }) : null);
}

function figure(box, caption) {
  const words = make("figcaption", { textContent: caption });
  return Object.assign(make("figure", {}, box, words), { box, words });
}

function mapped(one, map, heats) {
  const title = album.maps[map].title;
  const own = figure(frame(one, `Case ${one.id}: map of ${title} over the picture`), "");
  heats.push(() => { own.words.textContent = `${title}. ${drawHeat(own.box, one, map, true)}`; });
  return own;
}

function bareFigure(one, words, caption, draw) {
  const own = figure(frame(one, words, "plain"), caption);
  draw?.(own.box);
  return own;
}

function probabilities(one) {
  const pairs = one.p.map((p, i) => [album.names[i], p]).sort((a, b) => b[1] - a[1]);
  const rest = pairs.length > 5 ? `; ${pairs.length - 5} more classes below` : "";
  return pairs.length ? pairs.slice(0, 5).map(([n, p]) => `${n} ${number2(p, 3)}`).join("; ") + rest : "the model gave no answer";
}

// LIME's heaviest superpixels, at two thresholds, for each way of painting over.
function heaviest(one) {
  const count = one.lime.superpixels, boxes = [];
  for (const row of one.lime.maps) {
    const own = row.weights[state.target === "true" && wrong(one.number) ? 1 : 0];
    const ranked = own.map((_, i) => i).sort((a, b) => Math.abs(own[b]) - Math.abs(own[a]) || a - b);
    for (const most of new Set([Math.min(3, count), Math.min(10, Math.max(1, count >> 1))])) {
      const keep = new Set(ranked.slice(0, most));
      const made = counted(spread(one, own.map((w, i) => (keep.has(i) ? w : 0))));
      const fit = most > 3 || row.r2 === null ? "" : ` The linear model explains ${percent(row.r2)} of the answers.`;
      const blind = most > 3 || !row.blind ? "" : ` ${percent(row.blind)} of the picture was never tested by this fill.`;
      const words = `The ${most} heaviest of ${count} superpixels, ${album.maps[row.map].layer} fill.`;
      const box = figure(frame(one, `Case ${one.id}: ${words}`), words + blind + fit);
      drawMap(box.box.heat, made, 1);
      boxes.push(box);
    }
  }
  return boxes;
}

function questions(one) {
  const asked = one.lime.asked;
  if (!asked || !one.thumb) return [];
  const colours = bytes(asked.colours), count = one.lime.superpixels;
  return asked.shown.map((shown, i) => {
    const left = [...shown].filter((c) => c === "1").length;
    const caption = `${left} of ${count} superpixels shown: ${name("predicted", one.number)} ${number2(asked.answers[i], 3)}.`;
    return bareFigure(one, `Case ${one.id} with ${count - left} of ${count} superpixels painted over. ${caption}`, caption,
      (box) => drawHidden(box.heat, one, shown, colours));
  });
}

const degree = (mean) => (mean < 0.3 ? "hardly" : mean < 0.6 ? "in part" : "well");

function agreement(one) {
  const n = album.maps.length, pairs = [];
  for (let a = 0, at = 0; a < n; a++) for (let b = a + 1; b < n; b++, at++) pairs.push({ a, b, value: one.agree[at] });
  const known = pairs.filter((p) => p.value !== null);
  if (!known.length) return null;
  const value = new Map(known.map((p) => [`${p.a} ${p.b}`, p.value]));
  const title = (p) => `${album.maps[p.a].title} with ${album.maps[p.b].title} (${number2(p.value / 100)})`;
  const apart = known.filter((p) => album.maps[p.a].family !== album.maps[p.b].family);
  const used = apart.length ? apart : known, mean = used.reduce((s, p) => s + p.value, 0) / used.length / 100;
  const ranked = [...known].sort((p, q) => q.value - p.value);
  const words = `On this case, maps of ${apart.length ? "different families" : "one family"} agree ${degree(mean)}: mean rank correlation ${number2(mean)}`
    + ` over ${used.length === 1 ? "one pair" : `${used.length} pairs`}. Most alike: ${title(ranked[0])}. Least alike: ${title(ranked.at(-1))}.`;
  const head = make("tr", {}, make("th", { scope: "col", textContent: "Map" }), ...album.maps.map((_, i) => make("th", { scope: "col", textContent: String(i + 1) })));
  const rows = album.maps.map((m, a) => make("tr", {}, make("th", { scope: "row", textContent: `${a + 1} ${m.title}` }),
    ...album.maps.map((_, b) => {
      const v = value.get(`${Math.min(a, b)} ${Math.max(a, b)}`);
      return a === b ? make("td", { textContent: "·" }) : v === undefined ? make("td", { className: "missing", textContent: "–" })
        : make("td", { className: `s${Math.round(Math.max(0, v) / 10)}`, textContent: number2(v / 100) });
    })));
  return make("section", { className: "strip" }, make("h3", { textContent: "How far the maps agree on this case" }), make("p", { textContent: words }),
    make("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": "Rank correlation of every two maps" },
      make("table", { className: "matrix" }, make("thead", {}, head), make("tbody", {}, ...rows))),
    make("p", { className: "note", textContent: "Rank correlation of the maps for the predicted class; 1 is the same. Agreement is not truth." }));
}

function regions(i) {
  const rows = album.regions.map((r, at) => {
    const area = album.area[at]?.[i], mass = album.mass[`${state.map} ${at}`]?.[i], moved = album.moved[at]?.[i];
    if (!area) return null;
    return make("tr", {}, make("th", { scope: "row", textContent: r.title }), ...[percent(area / 10000),
      mass === null || mass === undefined ? "not measured" : percent(mass / 1000),
      moved === null || moved === undefined ? "not measured" : number2(moved / 1000)].map((textContent) => make("td", { textContent })));
  }).filter(Boolean);
  if (!rows.length) return make("p", { className: "note", textContent: "None of the regions is in this case." });
  const head = ["Region", "Of the picture", "Of the map for the predicted class", "Painted over: log-odds beyond control"];
  const table = make("table", {}, make("thead", {}, make("tr", {}, ...head.map((textContent) => make("th", { scope: "col", textContent })))), make("tbody", {}, ...rows));
  return make("div", {}, make("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": "Regions of this case" }, table),
    make("p", { className: "note", textContent: "Positive: the region spoke for the answer. Not measured: it was not painted over in this case, or the picture has no free place to compare with." }));
}

async function view(i) {
  const one = await open(i);
  one.id = album.cases.id[i];
  const heats = [], lines = [];
  const drawn = album.cases.drawn[i];
  const cam = ["grad-cam++", "grad-cam", "cam"].find((key) => maps(key).length);
  const fused = maps("fused").filter((m) => album.maps[m].layer === cam);
  const expert = bareFigure(one, `Case ${one.id}, the lesion and the chosen regions outlined`, "");
  lines.push(() => {
    outlines(expert.box, one);
    const there = [...outlined()].filter((r) => one.masks.has(r)).map((r) => album.regions[r].title);
    const lesion = drawn ? (state.lesion ? "Solid white: the expert's outline of the lesion. " : "") : "Nobody drew a lesion for this case. ";
    expert.words.textContent = lesion + (there.length ? `Dashed cyan: ${there.join(", ")}.` : "");
  });
  const main = album.maps.length ? figure(frame(one, `Case ${one.id}: the chosen map over the picture`), "") : null;
  const table = make("div");
  if (main) heats.push(() => { main.words.textContent = `${album.maps[state.map].title}. ${drawHeat(main.box, one)}`; table.replaceChildren(regions(i)); });
  if (main) lines.push(() => outlines(main.box, one));
  const lime = make("div");
  if (one.lime) heats.push(() => lime.replaceChildren(strip("LIME: superpixels, and the heaviest of them at two thresholds",
    [bareFigure(one, `Case ${one.id}, divided into ${one.lime.superpixels} superpixels`, `${one.lime.superpixels} superpixels.`,
      (box) => drawLines(box.lines, one, { regions: new Set(), superpixels: true })), ...heaviest(one)],
    "Orange spoke for the class, blue against it. The sliders do not change this row.")));
  const gradients = ["vanilla-gradient", "smoothgrad"].flatMap(maps);
  const parts = [
    strip("The picture, the expert's region, and the chosen map", [bareFigure(one, `Case ${one.id}, as the model was shown it`, `As the model was shown it. ${probabilities(one)}.`), expert, main]),
    table,
    strip("Depths of the network, and the view fused over them", [...(cam ? maps(cam) : []), ...fused].map((m) => mapped(one, m, heats)),
      "Each map is scaled to its own strongest cell: colours say where, not how much."),
    strip("Gradients: one, and the mean over noisy copies", gradients.map((m) => mapped(one, m, heats))),
    lime,
    one.lime ? strip("LIME's questions, with the model's answer to each", questions(one),
      `Painted over with the ${one.lime.asked?.fill} fill, highest answer first; made again from the kept small picture.`) : null,
    agreement(one),
    one.credit ? make("p", { className: "note", textContent: `Picture: ${one.credit}` }) : null,
  ];
  $("case-body").replaceChildren(...parts.filter(Boolean));
  const about = [album.cases.patient[i] && `Patient ${album.cases.patient[i]}.`, album.groups[album.cases.group[i]] && `Group ${album.groups[album.cases.group[i]]}.`];
  $("case-title").textContent = one.id;
  $("case-told").textContent = [`${wrong(i) ? "✗ wrong: " : ""}${answer(i)}.`, ...about].filter(Boolean).join(" ");
  viewed = { number: i, redraw: () => heats.forEach((draw) => draw()), relined: () => lines.forEach((draw) => draw()) };
  viewed.redraw();
  viewed.relined();
  noted(one.id);
  const at = order.indexOf(i);
  $("case-previous").disabled = at <= 0;
  $("case-next").disabled = at < 0 || at >= order.length - 1;
}

async function showCase(i) {
  try {
    await view(i);
  } catch (problem) {
    $("case-body").replaceChildren(make("p", { textContent: problem.message }));
  }
  if (!$("case-view").open) {
    $("case-tools").append($("tools"));
    $("case-view").showModal();
  }
  $("case-view").scrollTop = 0;
}

function closed() {
  $("tools-home").append($("tools"));
  const number = viewed?.number;
  viewed = null;
  bare(false);
  history.replaceState(null, "", "#gallery");
  const at = order.indexOf(number);
  if (at < 0) return;
  if (Math.floor(at / PAGE) !== page) {
    page = Math.floor(at / PAGE);
    show();
  }
  tiles.find((t) => t.number === number)?.anchor.focus();
}

function walk(by) {
  const to = order[order.indexOf(viewed.number) + by];
  if (to === undefined) return;
  history.replaceState(null, "", link(to)); // Back leads to the gallery, not through every case
  follow();
}

// #case=NAME&ex=MAP&class=true
function follow() {
  if (!location.hash.startsWith("#case=")) return $("case-view").close();
  const asked = new URLSearchParams(location.hash.slice(1));
  const number = album.cases.id.indexOf(asked.get("case")), map = album.maps.findIndex((m) => m.name === asked.get("ex"));
  if (number < 0) {
    $("count").textContent = `This run has no case “${asked.get("case")}”.`;
    return;
  }
  $("target").value = state.target = asked.get("class") === "true" ? "true" : "predicted";
  if (map >= 0 && map !== state.map) choose(map);
  return showCase(number);
}
