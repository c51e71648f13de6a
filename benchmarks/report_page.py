"""How fast is the page? Draws a report of 5,000 cases with three explainers and measures it in a headless Chromium.

    python -m benchmarks.report_page [--cases 5000] [--beside] [--keep FOLDER]

Measured: the file's size; from navigation to ready; one step of the threshold slider (script, layout and paint of a
page of 24 pictures) and the time between two frames while it is drawn; a sort with a new page of pictures; the script's
heap. ``--beside`` puts the packets into ``cases/`` as a report does that has no room for them.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow
from scipy import ndimage

from audit.report import album, grids, html, packet
from audit.report.blocks import Fact, Word
from audit.report.context import Context
from audit.report.dossier import Dossier, Section

SIDE, DISTINCT, REGIONS = (
    224,
    60,
    ("Lesion", "Burned-in text", "Border", "Top left corner", "Marked artefact"),
)
MAPS = (
    ("grad-cam++.last", "grad-cam++", "last", "cam", False),
    ("smoothgrad.input", "smoothgrad", "input", "gradient", False),
    ("lime.mean", "lime", "mean", "perturbation", True),
)

STEPS = """async (count) => {
  const slider = document.getElementById("share"), work = [], frames = [];
  const next = () => new Promise((resolve) => {
    const begun = {};
    const channel = new MessageChannel();
    channel.port1.onmessage = () => { work.push(performance.now() - begun.at); resolve(begun.frame); };
    requestAnimationFrame((frame) => {
      begun.at = performance.now();
      begun.frame = frame;
      channel.port2.postMessage(0);
    });
  });
  let last = null;
  for (let i = 0; i < count; i++) {
    const frame = next();
    slider.value = 5 + (i * 7) % 90;
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    const at = await frame;
    if (last !== null) frames.push(at - last);
    last = at;
  }
  return { work: work.slice(3), frames: frames.slice(3) };
}"""

SORT = """async (key) => {
  const begun = performance.now();
  const select = document.getElementById("sort");
  select.value = key;
  select.dispatchEvent(new Event("change"));
  while (document.querySelectorAll("#tiles .told:not(:empty)").length < 24) await new Promise(requestAnimationFrame);
  await new Promise(requestAnimationFrame);
  return performance.now() - begun;
}"""


def drawn(rng: np.random.Generator) -> tuple[str, list[grids.Bytes]]:
    """A picture of skin with noise, and the planes of its maps, superpixels and masks."""
    rows, columns = np.indices((SIDE, SIDE))
    centre = rng.uniform(70, 150, 2)
    blob = np.hypot(rows - centre[0], columns - centre[1]) < rng.uniform(25, 60)
    noise = ndimage.gaussian_filter(rng.standard_normal((SIDE, SIDE, 3)), (1.0, 1.0, 0))
    picture = np.array([205, 160, 140]) + 14 * noise - 70 * blob[..., None]
    buffer = io.BytesIO()
    pixels = np.clip(picture, 0, 255).astype(np.uint8)
    Pillow.fromarray(pixels).save(buffer, "JPEG", quality=92, subsampling=0)
    smooth = ndimage.zoom(rng.random((7, 7)), SIDE / 7, order=1) * (0.3 + blob)
    rough = np.abs(rng.standard_normal((SIDE, SIDE))) * (0.3 + blob)
    seeds = rng.integers(0, SIDE, (2, 40))
    nearest = np.hypot(rows[..., None] - seeds[0], columns[..., None] - seeds[1]).argmin(2)
    edge = (rows < 11) | (columns < 11) | (rows >= SIDE - 11) | (columns >= SIDE - 11)
    masks = [blob, (rows < 30) & (columns < 90), edge, (rows < 45) & (columns < 45)]
    planes = [
        grids.labels(nearest),
        grids.levels(smooth.astype(np.float32), signed=False, clip=False),
        grids.levels(rough.astype(np.float32), signed=False, clip=True),
        *(grids.bits(m) for m in masks),
    ]
    return grids.letters(buffer.getvalue()), planes


def packets(rng: np.random.Generator, count: int) -> list[str]:
    """So many packets; the pictures repeat, what is told of each does not."""
    made = [drawn(rng) for _ in range(DISTINCT)]
    packed = [(thumb, grids.pack(planes)) for thumb, planes in made]
    rows = []
    for number in range(count):
        weights = [round(float(w), 4) for w in rng.normal(0, 0.1, 40)]
        lime = {"map": 2, "weights": [weights], "r2": 0.9, "blind": 0.0}
        told = {
            "size": [SIDE, SIDE],
            "lime": {"superpixels": 40, "maps": [lime], "asked": None},
            "maps": [0, 1],
            "true": [],
            "masks": [0, 1, 2, 3],
            "agree": rng.integers(0, 100, 3).tolist(),
            "p": [0.25, 0.75],
            "credit": "",
        }
        rows.append(packet.text([*packed[number % DISTINCT], told]))
    return rows


def index(rng: np.random.Generator, count: int, shard: int) -> str:
    """What is told of all cases at once."""
    many = {f"{m} {r}": rng.integers(0, 1000, count).tolist() for m in range(3) for r in range(len(REGIONS))}
    each = {str(r): rng.integers(1, 3000, count).tolist() for r in range(len(REGIONS))}
    maps = [
        {"name": n, "title": n, "explainer": e, "key": e, "layer": d, "depth": d, "family": f, "signed": s}
        for n, e, d, f, s in MAPS
    ]
    cases: dict[str, Any] = {
        "id": [f"images/ISIC_{i:07d}" for i in range(count)],
        "label": rng.integers(0, 2, count).tolist(),
        "predicted": rng.integers(0, 2, count).tolist(),
        "p": rng.uniform(0.5, 1, count).round(3).tolist(),
        "patient": [""] * count,
        "group": [0] * count,
        "drawn": [1] * count,
        "apart": rng.random(count).round(3).tolist(),
    }
    return packet.text(
        {
            "run": "synthetic", "title": "Synthetic", "names": ["benign", "malignant"], "classes": 2, "groups": [""],
            "maps": maps, "findings": [], "colours": album.colours(), "cases": cases, "area": each, "mass": many,
            "regions": [{"title": t, "role": "artefact" if i else "lesion"} for i, t in enumerate(REGIONS)],
            "moved": each, "shard": shard,
        }
    )  # fmt: skip


def context() -> Context:
    """A report that says nothing: the album is what is measured."""
    word = Word(key="undecided", word="Undecided", sign="○", meaning="Synthetic.")
    plain = {"str": "synthetic", "bool": False, "Word": word, "Dossier": _nothing(Dossier, {})}
    return _nothing(Context, plain)


def _nothing(noun: Any, plain: dict[str, Any]) -> Any:
    """A noun without content: sections of nothing, and no rows."""
    plain = {"Section": Section(), "Fact": Fact(name="synthetic", text="synthetic"), **plain}
    empty = {
        f.name: plain.get(str(f.type), None if str(f.type).endswith("None") else ())
        for f in dataclasses.fields(noun)
    }
    return noun(**empty)


def write(folder: Path, count: int, *, beside: bool) -> Path:
    """The page, and its packets beside it if asked for."""
    rng = np.random.default_rng(0)
    made = packets(rng, count)
    if beside:
        (folder / "cases").mkdir(exist_ok=True)
        for number, start in enumerate(range(0, count, album.SHARD)):
            content = album.shard(number, made[start : start + album.SHARD])
            (folder / "cases" / f"{number:04d}.js").write_bytes(content)
    told = index(rng, count, album.SHARD if beside else 0)
    page = folder / "index.html"
    own = album.Album(index=told, packets=() if beside else tuple(made), beside=beside)
    page.write_text(html.page(context(), album=own), "utf-8")
    return page


def measure(page: Path) -> dict[str, float]:
    """Times in milliseconds, sizes in megabytes."""
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--enable-precise-memory-info"]
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=flags)
        view = browser.new_page(viewport={"width": 1280, "height": 900})
        view.goto(page.as_uri(), wait_until="commit")
        view.wait_for_selector("html[data-ready]", timeout=120_000)
        ready = view.evaluate("performance.getEntriesByName('ready')[0].startTime")
        view.evaluate("document.getElementById('tiles').scrollIntoView({behavior: 'instant'})")
        told: dict[str, float] = {"size, MB": page.stat().st_size / 1e6, "load to ready, ms": ready}
        for number, (name, *_) in enumerate(MAPS):
            view.keyboard.press(str(number + 1))
            steps = view.evaluate(STEPS, 60)
            told[f"slider step, {name}, median ms"] = statistics.median(steps["work"])
            told[f"slider step, {name}, 95th percentile ms"] = float(np.percentile(steps["work"], 95))
            told[f"between frames, {name}, median ms"] = statistics.median(steps["frames"])
        view.evaluate(SORT, "apart")
        told["sort and 24 pictures, ms"] = view.evaluate(SORT, "p")
        told["heap, MB"] = view.evaluate("performance.memory.usedJSHeapSize") / 1e6
        browser.close()
    return told


def main() -> None:
    """Draw, measure, print."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    asked.add_argument("--cases", type=int, default=5000)
    asked.add_argument("--beside", action="store_true")
    asked.add_argument("--keep", type=Path)
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        begun = time.perf_counter()
        page = write(folder, given.cases, beside=given.beside)
        print(f"written in {time.perf_counter() - begun:.1f} s")
        for name, value in measure(page).items():
            print(f"{name:45} {value:8.1f}")


if __name__ == "__main__":
    main()
