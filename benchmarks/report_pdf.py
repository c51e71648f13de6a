"""What a long paper costs: 200 pages with 1,000 pictures, in a process of its own.

    python benchmarks/report_pdf.py [--places 200] [--keep FILE.pdf]

A drawn run gets as many found places as are asked for, each with a strip of five pictures that no other place
shows, nine sentences and a table of six rows with their intervals drawn: about a page. Printed are CPU seconds and
the largest resident memory of the process that renders, from the context to the bytes, imports included.
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
"""What 200 places may cost."""


def main() -> int:
    """Measure, print, and say whether it was within bounds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--places", type=int, default=200)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--render", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.render:
        return render(given.render, given.places)
    with tempfile.TemporaryDirectory() as folder:
        out = given.keep or Path(folder) / "report.pdf"
        begun = time.monotonic()
        subprocess.run(
            [sys.executable, __file__, "--places", str(given.places), "--render", str(out)],
            check=True,
            cwd=ROOT,
        )
        wall = time.monotonic() - begun
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        import pypdf

        pages = len(pypdf.PdfReader(out).pages)
        size = out.stat().st_size
    cpu, memory = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
    print(f"{pages} pages, {given.places * PICTURES} pictures, {size / 2**20:.1f} MiB: ", end="")
    print(f"{cpu:.1f} CPU seconds, {wall:.0f} s by the clock, {memory:.0f} MiB at most")
    return int(given.places <= 200 and (cpu > SECONDS or memory > MEGABYTES))


def render(out: Path, places: int) -> int:
    """Draw a run, stretch its context and write its paper."""
    sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "report")]
    import synthetic

    from audit.report import build, enclosed, figures, pdf
    from audit.report.blocks import Cell, Fact, FoundBlock, Strip, Table, Whisker

    rng = np.random.default_rng(11)

    def picture(name: str):  # type: ignore[no-untyped-def]
        coarse = rng.integers(0, 255, (29, 29, 3), dtype=np.uint8)
        fine = rng.normal(0, 6, (figures.SIDE, figures.SIDE, 3))
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
        found = tuple(place(i) for i in range(places))
        own = {p.key: p for block in found for strip in block.strips for p in strip.pictures}
        context = dataclasses.replace(context, found=found, pictures=(*context.pictures, *own.values()))
        out.write_bytes(pdf.document(context, enclosed.files(run)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
