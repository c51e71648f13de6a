"""The cases of the interactive page: what can be told of all of them at once, and a packet of pictures for each.

Up to ``ROOM`` characters the packets stand in the page itself; beyond, they lie beside it in ``cases/``, sixteen to a
file, and the page loads those that it shows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps

from audit.errors import visible
from audit.record import Map
from audit.report import figures, grids, identity, packet, words
from audit.report.source import Source

ROOM = 150_000_000
SHARD = 16

Put = Callable[[str, bytes], None]


@dataclass(frozen=True, kw_only=True)
class Album:
    """``index`` is JSON; ``packets`` stand in the page, none of them where they lie in files beside it."""

    index: str
    packets: tuple[str, ...]
    beside: bool


def make(source: Source, put: Put, *, room: int = ROOM) -> Album | None:
    """The album of a run, None where it has no case. ``put`` writes a file of packets, by its name in ``cases/``."""
    stacks = packet.Stacks(source)
    cases = source.cases
    if not cases:
        return None
    some = cases[:: max(1, len(cases) // 12)]
    size = sum(len(packet.packet(stacks, c)[0]) for c in some) / len(some) * len(cases)
    beside = size > room
    apart: list[float | None] = []
    kept: list[str] = []
    for number, case in enumerate(cases):
        made, disagreement = packet.packet(stacks, case)
        apart.append(disagreement)
        kept.append(made)
        if beside and (len(kept) == SHARD or number == len(cases) - 1):
            put(f"{number // SHARD:04d}.js", shard(number // SHARD, kept))
            kept = []
    index = packet.text(_index(source, apart) | {"shard": SHARD if beside else 0})
    return Album(index=index, packets=tuple(kept), beside=beside)


def shard(number: int, packets: list[str]) -> bytes:
    """A file of packets: a script that hands them to the page and does nothing else."""
    return f"pfungstShard({number},[{','.join(packets)}])\n".encode()


def _index(source: Source, apart: list[float | None]) -> dict[str, Any]:
    found = [source.predictions.get(c.id) for c in source.cases]
    labels = list(dict.fromkeys((*source.classes, *(c.label for c in source.cases))))
    groups = list(dict.fromkeys(c.group or "" for c in source.cases))
    return {
        "run": identity.short_hash(source),
        "title": visible(str(source.run.manifest.get("title") or "")),
        "names": [visible(name) for name in labels],
        "classes": len(source.classes),
        "groups": [visible(name) for name in groups],
        "maps": [
            {
                "name": visible(m.name),
                "title": visible(words.map_title(m.explainer, m.layer)),
                "explainer": visible(words.explainer(m.explainer)),
                "key": visible(m.explainer),
                "layer": visible(m.layer),
                "depth": visible(_depth(m)),
                "family": m.family,
                "signed": m.signed and m.family != "gradient",
            }
            for m in source.maps
        ],
        "regions": [{"title": visible(source.title(r.name)), "role": r.role} for r in source.regions],
        "findings": _findings(source),
        "colours": colours(),
        "cases": {
            "id": [visible(c.id) for c in source.cases],
            "label": [labels.index(c.label) for c in source.cases],
            "predicted": [-1 if p is None else labels.index(p.predicted) for p in found],
            "p": [None if p is None else round(max(p.probabilities, default=0.0), 3) for p in found],
            "patient": [visible(c.patient) if c.patient != c.id else "" for c in source.cases],
            "group": [groups.index(c.group or "") for c in source.cases],
            "drawn": [int(c.lesion is not None) for c in source.cases],
            "apart": apart,
        },
        "area": _area(source),
        "mass": _mass(source),
        "moved": _moved(source),
    }


def _depth(map_: Map) -> str:
    """A map among those of its explainer: its depth, its fill, or what was fused."""
    if map_.explainer == "fused":
        return words.explainer(map_.layer)
    return f"{map_.layer} fill" if map_.explainer == "lime" else map_.layer


def colours() -> dict[str, Any]:
    """The colours of a map's strength in 256 steps, and of evidence for and against; the same as in still pictures."""
    steps = colormaps["inferno"](0.25 + 0.72 * np.linspace(0, 1, 256))[:, :3]
    ramp = np.rint(255 * steps).astype(np.uint8)
    return {
        "ramp": grids.letters(ramp.tobytes()),
        "for": figures.FOR.astype(int).tolist(),
        "against": figures.AGAINST.astype(int).tolist(),
    }


def _findings(source: Source) -> list[dict[str, Any]]:
    """What a reader can filter by: each finding's region and class, and its cases where it names them."""
    places = {r.name: i for i, r in enumerate(source.regions)}
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for f in source.judgement["findings"]:
        if f["region"] not in places or f["outcome"] == "clear":
            continue
        own = [source.rows[c] for c in f.get("cases") or () if c in source.rows]
        row = rows.setdefault(
            (f["rule"], f["region"]),
            {
                "title": visible(f"{f['title']}: {source.title(f['region'])}"),
                "outcome": f["outcome"],
                "region": places[f["region"]],
                "cases": [],
            },
        )
        row["outcome"] = "flagged" if f["outcome"] == "flagged" else row["outcome"]
        row["cases"] += [n for n in own if n not in row["cases"]]
    return sorted(rows.values(), key=lambda row: row["outcome"] != "flagged")


def _columns(source: Source, frame: pd.DataFrame, value: str, scale: int) -> dict[str, list[int | None]]:
    """A column of whole numbers for each ``key`` of a frame with ``case`` and a value; None where there is none."""
    columns: dict[str, list[int | None]] = {}
    frame = frame.dropna(subset=[value])
    rows = frame["case"].map(source.rows)
    values = (frame[value].astype(float) * scale).round()
    for key, case, number in zip(frame["key"], rows, values, strict=True):
        column = columns.setdefault(str(key), [None] * len(source.cases))
        if case == case:
            column[int(case)] = int(number)
    return columns


def _area(source: Source) -> dict[str, list[int | None]]:
    """The share of the picture that each region covers, in ten thousandths; at least one where it is there."""
    places = {r.name: i for i, r in enumerate(source.regions)}
    rows = source.extents[source.extents["region"].isin(places)]
    rows = rows.assign(key=rows["region"].map(places))
    present = rows["present"].eq(True)
    rows = rows.assign(
        area=rows["area"].astype(float).where(~present, rows["area"].astype(float).clip(lower=1e-4))
    )
    return _columns(source, rows, "area", 10_000)


def _mass(source: Source) -> dict[str, list[int | None]]:
    """The share of each map, for the predicted class, that lies in each region, in thousandths; by "map region"."""
    places = {r.name: i for i, r in enumerate(source.regions)}
    maps = {(m.explainer, m.layer): i for i, m in enumerate(source.maps)}
    rows = source.scores[(source.scores["metric"] == "mass") & source.scores["region"].isin(places)]
    own = {c: p.predicted for c, p in source.predictions.items()}
    rows = rows[rows["cls"] == rows["case"].map(own)]
    keys = [
        f"{maps[found]} {places[region]}" if (found := (name, layer)) in maps else ""
        for name, layer, region in zip(rows["explainer"], rows["layer"], rows["region"], strict=True)
    ]
    columns = _columns(source, rows.assign(key=keys), "value", 1000)
    columns.pop("", None)
    return columns


def _moved(source: Source) -> dict[str, list[int | None]]:
    """How far painting over each region lowered the predicted class, in thousandths of a log-odd beyond control.

    Where no control place was found, the change itself is not told here: it would not be comparable.
    """
    places = {r.name: i for i, r in enumerate(source.regions)}
    rows = source.effects_of("removal")
    if rows.empty:
        return {}
    own = {c: p.predicted for c, p in source.predictions.items()}
    rows = rows[rows["region"].isin(places) & (rows["cls"] == rows["case"].map(own))]
    return _columns(source, rows.assign(key=rows["region"].map(places)), "difference", 1000)
