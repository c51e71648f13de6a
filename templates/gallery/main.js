// Keys, and the beginning.

const typing = (target) => target.closest?.("input:not([type=range], [type=checkbox]), textarea, select");
const busy = (target) => target.closest?.("button, input, summary, select, textarea, a[href]:not(#tiles a)");

function keys(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || !$("keys").checked) return;
  const inside = $("case-view").open, near = event.target.closest?.("#gallery");
  if (!inside && !near && event.target !== document.body) return;
  if ($("help").open) return;
  const arrows = !event.target.closest?.("input");
  const by = event.key === "j" || (arrows && event.key === "ArrowRight") ? 1 : event.key === "k" || (arrows && event.key === "ArrowLeft") ? -1 : 0;
  if (by && (inside || near || event.key.length === 1)) inside ? walk(by) : step(by);
  else if (/^[1-9]$/.test(event.key) && album.maps[event.key - 1]) choose(event.key - 1);
  else if (event.key === "?") $("help").showModal();
  else if (event.key === " " && (inside || near) && (!busy(event.target) || event.target === $("bare"))) bare(true);
  else return;
  event.preventDefault();
}

async function begin() {
  tools();
  reviewer();
  list();
  const best = ["fused.grad-cam++", "fused.grad-cam", "grad-cam++.last", "grad-cam.last", "cam.last", "lime.mean"];
  const first = best.map((n) => album.maps.findIndex((m) => m.name === n)).find((i) => i >= 0) ?? 0;
  $("gallery").hidden = false;
  $("to-gallery").hidden = false;
  choose(first);
  order = album.cases.id.map((_, i) => i);
  document.addEventListener("keydown", keys);
  document.addEventListener("keyup", (event) => event.key === " " && bare(false));
  addEventListener("blur", () => bare(false));
  addEventListener("hashchange", follow);
  $("case-view").addEventListener("close", closed);
  $("close").onclick = () => $("case-view").close();
  $("case-previous").onclick = () => walk(-1);
  $("case-next").onclick = () => walk(1);
  for (const id of ["ask", "case-ask"]) $(id).onclick = () => $("help").showModal();
  $("help-close").onclick = () => $("help").close();
  await show();
  await follow();
  performance.mark("ready");
  document.documentElement.dataset.ready = "yes";
}

begin();
