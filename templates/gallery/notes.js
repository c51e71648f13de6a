// A reviewer's verdict and note on each case: kept in the browser where it allows, and saved as a file.

const VERDICTS = { right: "rests on the right place", wrong: "rests on the wrong place", unsure: "cannot say" };
const SHELF = `pfungst notes: ${album.run}, ${album.title}, ${total}`;
let notes = Object.create(null); // a case may be called anything

function shelf(change) {
  try {
    return change(localStorage);
  } catch {
    return null; // a browser may forbid it: then the notes live until the page is closed
  }
}

function clean(rows) {
  const kept = Object.create(null);
  for (const row of Array.isArray(rows) ? rows : [])
    if (album.cases.id.includes(row?.case)) kept[row.case] = { verdict: row.verdict in VERDICTS ? row.verdict : "", note: String(row.note ?? "") };
  return kept;
}

const rows = () => album.cases.id.filter((id) => notes[id]).map((id) => ({ case: id, ...notes[id] }));

function keep() {
  const done = shelf((s) => (s.setItem(SHELF, JSON.stringify(rows())), true));
  $("kept").textContent = `${rows().length} of ${total} cases reviewed.` + (done ? "" : " This browser keeps nothing: save the notes before you close the page.");
}

function noted(id) {
  $("verdict-choice").value = notes[id]?.verdict ?? "";
  $("note").value = notes[id]?.note ?? "";
}

function note() {
  const id = album.cases.id[viewed.number], own = { verdict: $("verdict-choice").value, note: $("note").value };
  if (own.verdict || own.note.trim()) notes[id] = own;
  else delete notes[id];
  keep();
}

function save() {
  const content = { format: "pfungst reviewer notes 1", run: album.run, title: album.title, cases: total, reviewer: $("reviewer").value, notes: rows() };
  const address = URL.createObjectURL(new Blob([JSON.stringify(content, null, 2) + "\n"], { type: "application/json" }));
  make("a", { href: address, download: "reviewer-notes.json" }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

async function load(event) {
  try {
    const content = JSON.parse(await event.target.files[0].text());
    const found = clean(content.notes);
    Object.assign(notes, found);
    $("reviewer").value ||= String(content.reviewer ?? "");
    keep();
    $("kept").textContent += ` ${Object.keys(found).length} read from the file.` + (content.run === album.run ? "" : " They were made for another run.");
  } catch {
    $("kept").textContent = "This file holds no notes of a reviewer.";
  }
  event.target.value = "";
  sieve();
}

function reviewer() {
  notes = clean(JSON.parse(shelf((s) => s.getItem(SHELF)) ?? "[]"));
  fill($("verdict-choice"), [["", "not reviewed"], ...Object.entries(VERDICTS)]);
  $("verdict-choice").onchange = note;
  $("note").oninput = note;
  $("save").onclick = save;
  $("load").onchange = load;
  keep();
}
