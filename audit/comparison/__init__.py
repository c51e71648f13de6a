"""From finished runs to what changed between them: paired, on shared cases, with intervals over patients.

    runs -> shared -> columns -> changes -> verdict -> comparison.json, page and PDF

Needs no model, no torch and no pictures: the runs hold it all.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from audit.comparison import document, page
from audit.comparison.compared import Comparison, Pair, compared
from audit.comparison.verdict import code
from audit.record.folder import check, unwritable

__all__ = ["Comparison", "Pair", "code", "compare", "compared", "write"]


def compare(
    paths: Sequence[Path | str],
    out: Path | str,
    *,
    rules: Sequence[str] | None = None,
    maps: bool = True,
    folder: Path | None = None,
) -> Comparison:
    """Compare finished runs and write ``comparison.json``, ``report/index.html`` and ``report/report.pdf``.

    The same runs and rules give the same bytes.

    Args:
        paths: the runs in order; the first is the baseline.
        out: an empty or new folder.
        rules: rules about changes: shipped sets, files and folders; None takes the shipped set ``compare`` and those
            that the last run keeps.
        maps: compare maps too; False for runs on different grids.
        folder: what relative paths among ``rules`` are relative to.

    Raises:
        RunError: the runs cannot be compared, or the folder cannot be used.
        ConfigError: a rule is wrong.
    """
    out = Path(out)
    check(out)
    found = compared([Path(p) for p in paths], names=rules, maps=maps, folder=folder)
    write(found, out)
    return found


def write(comparison: Comparison, out: Path) -> tuple[Path, Path, Path]:
    """Write the three files of a comparison, and return where they are."""
    context = page.build(comparison)
    files = {
        out / "comparison.json": document.text(comparison).encode("utf-8"),
        out / "report" / "index.html": page.html(context).encode("utf-8"),
        out / "report" / "report.pdf": page.pdf(context),
    }
    try:
        (out / "report").mkdir(parents=True, exist_ok=True)
        for file, content in files.items():
            half = file.with_name(file.name + ".part")
            half.write_bytes(content)
            half.replace(file)
    except OSError as error:
        raise unwritable(out, error) from error
    first, second, third = files
    return first, second, third
