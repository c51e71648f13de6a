"""A run on disk. Everything right of it works without the model, without torch and without the images."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit.errors import RunError
from audit.record import seal, tables
from audit.record.files import safe, sha256
from audit.record.folder import AGAIN, LOCK, check, unwritable
from audit.record.nouns import (
    Carried,
    Case,
    Effect,
    Estimate,
    Explained,
    Extent,
    Failure,
    Faithfulness,
    Finding,
    Fingerprint,
    Map,
    Prediction,
    Reading,
    Region,
    Sanity,
    Score,
    Target,
    Verdict,
)
from audit.record.parts import Parts
from audit.record.stack import Stack

SCHEMA = 2

FOLDERS = ("maps", "regions", "thumbs", "rules")

TABLES: dict[type, str] = {
    Case: "cases.parquet",
    Fingerprint: "fingerprints.parquet",
    Prediction: "predictions.parquet",
    Extent: "extents.parquet",
    Reading: "readings.parquet",
    Carried: "carried.parquet",
    Score: "scores.parquet",
    Effect: "effects.parquet",
    Sanity: "sanity.parquet",
    Faithfulness: "faithfulness.parquet",
    Estimate: "estimates.parquet",
}

Row = TypeVar("Row")
Found = TypeVar("Found")


class Run:
    """A run directory, open for its stage to read and write.

    ``create`` begins one (manifest ``started``), ``seal`` ends it (``complete``, with the SHA-256 of every
    file), ``open`` takes up one that is there.
    """

    def __init__(self, path: Path, manifest: dict[str, Any]) -> None:
        self.path = path
        self.manifest = manifest

    # -- life ------------------------------------------------------------------------------------

    @classmethod
    def create(cls, path: Path | str, manifest: Mapping[str, Any]) -> Run:
        """Begin a run in an empty or new folder.

        Raises:
            RunError: the folder holds something already.
        """
        path = Path(path)
        check(path)
        run = cls(path, seal.plain({"schema": SCHEMA, "status": "started", **manifest}))
        try:
            for folder in FOLDERS:
                (path / folder).mkdir(parents=True, exist_ok=True)
            run.write_manifest()
        except OSError as error:
            raise unwritable(path, error) from error
        return run

    def discard(self) -> None:
        """Take away a run that never began, and what lies in its folder: it was empty before."""
        shutil.rmtree(self.path, ignore_errors=True)

    @classmethod
    def open(cls, path: Path | str, *, unfinished: bool = False) -> Run:
        """Take up a run that is there.

        Raises:
            RunError: no run is there, it is of another schema, or it did not finish.
        """
        path = Path(path)
        try:
            manifest = json.loads((path / "manifest.json").read_text("utf-8"))
        except FileNotFoundError:
            raise RunError(
                "this is not a run directory: it has no manifest.json",
                where=str(path),
                todo="name the folder that `pfungst run -o` wrote",
            ) from None
        except (ValueError, OSError) as error:
            raise RunError(f"manifest.json cannot be read: {error}", where=str(path)) from error
        if not isinstance(manifest, dict) or manifest.get("schema") != SCHEMA:
            raise RunError(
                f"this run's schema is not {SCHEMA}",
                where=str(path / "manifest.json"),
                todo="run the audit again with this version of pfungst",
            )
        if manifest.get("status") != "complete" and not unfinished:
            raise RunError(
                "this run did not finish",
                where=str(path),
                todo="`pfungst run AUDIT.yaml -o RUN --resume` goes on where it was left",
            )
        run = cls(path, manifest)
        try:
            _ = [*run.classes, *run.regions, *run.explained], manifest["model"]["output"]
            _ = int(manifest["seed"]), manifest["data"].keys(), manifest.get("files", {}).keys()
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RunError(
                f"not as a run writes it: {error!r}", where=str(path / "manifest.json"), todo=AGAIN
            ) from error
        return run

    def changed(self, derived: Collection[str] = ()) -> list[str]:
        """The files that are missing, or no longer what they were when the run was sealed.

        ``derived``: files that are about to be written anew, and need not be looked at.
        """
        return [
            name
            for name, digest in self.manifest.get("files", {}).items()
            if name not in derived
            and not ((self.path / name).is_file() and sha256(self.path / name) == digest)
        ]

    def write_manifest(self) -> None:
        """Write the manifest in one step, with the digest of its own bytes (:mod:`audit.record.seal`)."""
        half = self.path / "manifest.json.part"
        half.write_text(seal.text(seal.sealed(seal.plain(self.manifest))), "utf-8")
        half.replace(self.path / "manifest.json")

    def seal(self) -> None:
        """Note the SHA-256 of every file but the report's, and that the run is complete."""
        for half in self.path.rglob("*.part"):  # of a process that was ended while it wrote
            if half.is_file():
                half.unlink()
        self.manifest["files"] = {
            file.relative_to(self.path).as_posix(): sha256(file)
            for file in sorted(self.path.rglob("*"))
            if file.is_file()
            and file.name != "manifest.json"
            and file.relative_to(self.path).parts[0] not in ("report", LOCK)
        }
        self.manifest["status"] = "complete"
        self.write_manifest()

    def write(self, noun: type[Row], rows: Iterable[Row]) -> None:
        """Write the table of a noun."""
        tables.write(self.path / TABLES[noun], noun, rows)

    def read(self, noun: type[Row]) -> list[Row]:
        """The rows of a noun's table.

        Raises:
            RunError: the table is not there or is not a table.
        """
        return self._table(noun, lambda path: tables.read(path, noun))

    def frame(self, noun: type, where: Any = None) -> pd.DataFrame:
        """A noun's table as a data frame, or the rows of it for which an expression of pyarrow holds."""
        return self._table(noun, lambda path: tables.frame(path, where))

    def blocks(self, noun: type) -> Iterator[pd.DataFrame]:
        """A noun's table as data frames, one after the other: a large one is never held as a whole."""
        return self._table(noun, tables.blocks)

    def has(self, noun: type) -> bool:
        """Is the table there yet?"""
        return (self.path / TABLES[noun]).is_file()

    def _table(self, noun: type, how: Callable[[Path], Found]) -> Found:
        path = self.path / TABLES[noun]
        if not path.is_file():
            todo = "run the stage that writes it"
            raise RunError(f"{path.name} is missing", where=str(self.path), todo=todo)
        try:
            return how(path)
        except (OSError, ValueError, TypeError) as error:
            raise RunError(f"this table cannot be read: {error}", where=str(path), todo=AGAIN) from error

    # -- arrays ----------------------------------------------------------------------------------

    def new_array(self, folder: str, name: str, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        """A new ``folder/name.npy`` on disk, zero, to be filled row by row. Unfilled rows take no room."""
        (self.path / folder).mkdir(exist_ok=True)
        return np.lib.format.open_memmap(
            self.path / folder / f"{safe(name)}.npy", mode="w+", dtype=dtype, shape=shape
        )

    def stack(self, folder: str, name: str, shape: tuple[int, ...], dtype: Any, *, empty: float = 0) -> Stack:
        """``folder/name.npy`` to be written row by row: made, or taken up where an unfinished run left it."""
        return Stack(self.path / folder / f"{safe(name)}.npy", shape, dtype, empty=empty)

    @property
    def parts(self) -> Parts:
        """What is known of a run that is not finished."""
        return Parts(self.path)

    def array(self, folder: str, name: str) -> NDArray[Any]:
        """``folder/name.npy``, read from disk as it is used.

        Raises:
            RunError: it is not there.
        """
        path = self.path / folder / f"{safe(name)}.npy"
        try:
            array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise RunError(f"this array cannot be read: {error}", where=str(path)) from error
        return array

    def has_array(self, folder: str, name: str) -> bool:
        """Is ``folder/name.npy`` there?"""
        return (self.path / folder / f"{safe(name)}.npy").is_file()

    @staticmethod
    def map_name(map_: Map | str, target: Target) -> str:
        """The file's name of a stack of maps: rows for the true class hold only what differs."""
        name = map_ if isinstance(map_, str) else map_.name
        return name if target == "predicted" else f"{name}@true"

    def thumb(self, case_id: str) -> Path:
        """Where a case's small picture lies, at the model's grid."""
        return self.path / "thumbs" / f"{safe(case_id)}.jpg"

    @property
    def report(self) -> Path:
        """The folder of what is derived: HTML and PDF."""
        return self.path / "report"

    # -- what the manifest says, as nouns ----------------------------------------------------------

    @property
    def classes(self) -> list[str]:
        """The model's classes, in its order."""
        return list(self.manifest["model"]["classes"])

    @property
    def regions(self) -> list[Region]:
        """The regions that were looked for."""
        return [Region(**row) for row in self.manifest["regions"]]

    @property
    def cues(self) -> list[Region]:
        """The cues of the whole picture that were read."""
        return [Region(**row) for row in self.manifest.get("cues", [])]

    @property
    def explained(self) -> list[Explained]:
        """The explainers that were asked for, applied or not."""
        return [
            Explained(**{**row, "maps": tuple(Map(**m) for m in row["maps"])})
            for row in self.manifest["explainers"]
        ]

    @property
    def maps(self) -> list[Map]:
        """Every stack of maps, in the explainers' order."""
        return [m for e in self.explained for m in e.maps]

    # -- findings, failures, rules -----------------------------------------------------------------

    def write_findings(
        self, verdict: str, verdicts: Iterable[Verdict], findings: Iterable[Finding], gates: Iterable[Finding]
    ) -> None:
        """Write ``findings.json``: the overall verdict, each artefact's, the findings and the gates."""
        document = {"verdict": verdict, "verdicts": verdicts, "findings": findings, "gates": gates}
        document = {k: v if isinstance(v, str) else list(v) for k, v in document.items()}
        half = self.path / "findings.json.part"
        half.write_text(
            json.dumps(seal.plain(document), indent=2, ensure_ascii=False, allow_nan=False) + "\n", "utf-8"
        )
        half.replace(self.path / "findings.json")

    def findings(self) -> dict[str, Any]:
        """``findings.json`` as plain values.

        Raises:
            RunError: the run was not judged.
        """
        path = self.path / "findings.json"
        try:
            document: dict[str, Any] = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise RunError(
                f"cannot be read: {error}", where=str(path), todo="run `pfungst judge` first"
            ) from error
        return document

    def write_failures(self, failures: Iterable[Failure]) -> None:
        """Write ``failures.csv``: what is not in the numbers, and why."""
        with (self.path / "failures.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["case", "stage", "error"])
            writer.writerows([f.case, f.stage, f.error] for f in failures)

    def failures(self) -> list[Failure]:
        """The rows of ``failures.csv``, none where the file is missing."""
        path = self.path / "failures.csv"
        if not path.is_file():
            return []
        with path.open(encoding="utf-8", newline="") as file:
            return [Failure(**row) for row in csv.DictReader(file)]

    def keep_rules(self, files: Iterable[Path]) -> None:
        """Keep the rules as they were, in place of those kept before."""
        folder = self.path / "rules"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for number, file in enumerate(files):
            shutil.copyfile(file, folder / f"{number:03d}-{safe(file.name)}")

    def rule_files(self) -> list[Path]:
        """The rules as they were."""
        return sorted((self.path / "rules").glob("*.yaml"))
