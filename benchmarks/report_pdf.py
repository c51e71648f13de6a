"""What a long paper costs: 200 pages with 1,000 pictures, in a process of its own.

    python benchmarks/report_pdf.py [--kind cases | places] [--pages 200] [--keep FILE.pdf]

A drawn run is stretched by as many pages as are asked for, each with five pictures that no other page shows.
``cases``: a page for each case, with its facts and two strips. ``places``: a found place with nine sentences, a strip,
and two tables of six rows with their intervals drawn. Printed are CPU seconds and the largest resident memory of the
process that renders, imports included; drawing the pictures is not counted. The bounds are those of ``cases``.
"""

from __future__ import annotations

import argparse
import dataclasses
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
PICTURES, ROWS, FACTS = 5, 6, 9
SENTENCE = (
    "It is the hottest spot of each case, wherever it is; it lies beside the lesion in most of them, and an expert "
    "must say what it is before anything follows from it: a hair, a ruler, a bubble, a pen mark, or skin."
)
SECONDS, MEGABYTES = 25, 600
"""What 200 pages of cases may cost."""


def main() -> int:
    """Measure, print, and say whether it was within bounds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kind", choices=("cases", "places"), default="cases")
    parser.add_argument("--pages", type=int, default=200)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--render", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.render:
        return render(given.render, given.kind, given.pages)
    with tempfile.TemporaryDirectory() as folder:
        out = given.keep or Path(folder) / "report.pdf"
        begun = time.monotonic()
        asked = ["--kind", given.kind, "--pages", str(given.pages), "--render", str(out)]
        command = [sys.executable, __file__, *asked]
        done = subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        wall = time.monotonic() - begun
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        import pypdf

        pages = len(pypdf.PdfReader(out).pages)
        size = out.stat().st_size
    cpu, memory = float(done.stdout.split()[-1]), used.ru_maxrss / 1024
    print(f"{pages} pages, {given.pages * PICTURES} pictures, {size / 2**20:.1f} MiB: ", end="")
    print(f"{cpu:.1f} CPU seconds, {wall:.0f} s by the clock, {memory:.0f} MiB at most")
    return int(given.kind == "cases" and given.pages <= 200 and (cpu > SECONDS or memory > MEGABYTES))


def render(out: Path, kind: str, pages: int) -> int:
    """Draw a run, stretch its context and write its paper."""
    begun = time.process_time()
    sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "report")]
    import synthetic

    from audit.report import build, enclosed, figures, pdf
    from audit.report.blocks import CaseBlock, Cell, Fact, FoundBlock, Strip, Table, Whisker

    rng = np.random.default_rng(11)

    def picture(name: str):  # type: ignore[no-untyped-def]
        coarse = rng.integers(0, 255, (29, 29, 3), dtype=np.uint8)
        fine = rng.normal(0, 2, (figures.SIDE, figures.SIDE, 3))
        smooth = np.asarray(
            Image.fromarray(coarse).resize((figures.SIDE,) * 2, Image.Resampling.BICUBIC), float
        )
        pixels = np.clip(smooth + fine, 0, 255).astype(np.uint8)
        return figures.picture(pixels, alt=f"{name}, drawn.", caption=f"{name}: answered benign (0.93).")

    def row(name: str) -> tuple[Cell, ...]:
        low, high = np.sort(rng.uniform(0, 100, 2)).tolist()
        drawn = Whisker(
            low=low, value=(low + high) / 2, high=high, zero=50.0, label=f"{low:.2f} to {high:.2f}"
        )
        numbers = (Cell(text=f"{x:.2f}", kind="number") for x in rng.uniform(0, 9, 3))
        return (Cell(text=name), Cell(text="benign"), *numbers, Cell(kind="plot", plot=drawn))

    def case(number: int) -> CaseBlock:
        made = tuple(picture(f"images/case-{number:03d}-{i}") for i in range(PICTURES))
        return CaseBlock(
            title=f"images/case-{number:03d}",
            chosen="a typical right answer",
            facts=tuple(
                Fact(name=name, text="benign 0.93, melanoma 0.07") for name in ("Label", "Answer", "Patient")
            ),
            strips=(
                Strip(
                    title="The picture, and the gradients",
                    pictures=made[:3],
                    note="The strongest 1 % are drawn alike.",
                ),
                Strip(
                    title="Depths of the network",
                    pictures=made[3:],
                    note="Each map is scaled to its strongest pixel.",
                ),
            ),
        )

    def place(number: int) -> FoundBlock:
        names = [f"images/case-{number:03d}-{i}" for i in range(PICTURES)]
        head = ("Painted over", "Class", "Change", "Control", "Flips", "Drawn")
        rows = tuple(row(f"Fill {i} of place {number}") for i in range(ROWS))
        return FoundBlock(
            title=f"Place {number}",
            verdict=None,
            facts=tuple(Fact(name=f"Remark {i + 1}", text=SENTENCE) for i in range(FACTS)),
            line="",
            strips=(Strip(title="The cases that show it best", pictures=tuple(picture(n) for n in names)),),
            tables=(
                Table(
                    caption="The ways of painting over", head=head, rows=rows, kind="numbers", note="Drawn."
                ),
            )
            * 2,
        )

    with tempfile.TemporaryDirectory() as folder:
        run = synthetic.write(Path(folder) / "run", n=4, size=24)
        context = build(run)
        drawing = time.process_time()
        blocks = tuple((case if kind == "cases" else place)(i) for i in range(pages))
        drawing = time.process_time() - drawing
        own = {p.key: p for block in blocks for strip in block.strips for p in strip.pictures}
        more = {
            "cases" if kind == "cases" else "found": blocks,
            "pictures": (*context.pictures, *own.values()),
        }
        context = dataclasses.replace(context, **more)  # type: ignore[arg-type]
        out.write_bytes(pdf.document(context, enclosed.files(run)))
    print(time.process_time() - begun - drawing)
    return 0


if __name__ == "__main__":
    sys.exit(main())
