"""A sticker that lies anywhere, that nobody drew or listed, and that one black box reads and another does not."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import audit
from audit.record import Case, Effect

N, S = 64, 48

BOXES = '''
import numpy as np


def blue():
    """Reads how much of the picture is blue, and the light of the middle."""
    return lambda images: both(30 * (images[..., 2] - images[..., 0]).clip(0.3).mean((1, 2)) - 9 + middle(images))


def honest():
    """Reads the light of the middle."""
    return lambda images: both(2 * middle(images))


def middle(images):
    return 4 * images[:, 20:28, 20:28].mean((1, 2, 3)) - 2.4


def both(s):
    p = 1 / (1 + np.exp(-np.asarray(s, float)))
    return np.stack([1 - p, p], 1)
'''

CONFIG = """\
title: Stickers
model: {{source: callable, factory: "boxes:{factory}", classes: [well, ill], size: [48, 48]}}
images: {{manifest: cases.csv}}
explainers: [lime]
lime: {{samples: 16}}
cues: [brightness]
regions: [lesion]
removal: {{controls: 3, few: 2, doses: [], fills: [inpaint, ring, donor]}}
transplant: {{donors: 2}}
second_look: {{faithfulness: 0, sanity: 0, discovery: 3}}
"""


def written(folder: Path, factory: str) -> tuple[Path, np.ndarray]:
    """The set; and where the stickers are ``(n, s, s)``: in nine of ten ill cases and one of ten others."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:S, :S]
    rows, stickers = [], np.zeros((N, S, S), bool)
    for i in range(N):
        ill = i % 2 == 1
        picture = rng.normal(110, 8, (S, S, 3)) + rng.normal(0, 6)
        lesion = np.hypot(y - 24, x - 24) <= 5
        picture[lesion] += rng.normal(75 if ill else 25, 12)
        if rng.random() < (0.9 if ill else 0.1):
            angle = rng.uniform(0, 2 * np.pi)
            stickers[i] = np.hypot(y - 24 - 17 * np.sin(angle), x - 24 - 17 * np.cos(angle)) <= 4
            picture[stickers[i]] = (20, 40, 220)
        Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(folder / f"{i:02d}.png")
        Image.fromarray(lesion).save(folder / f"{i:02d}-l.png")
        rows.append({"image": f"{i:02d}.png", "lesion": f"{i:02d}-l.png", "label": "ill" if ill else "well"})
    with (folder / "cases.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    (folder / "boxes.py").write_text(BOXES)
    (folder / "audit.yaml").write_text(CONFIG.format(factory=factory))
    return folder / "audit.yaml", stickers


@pytest.mark.parametrize("factory", ["blue", "honest"])
def test_a_sticker_that_lies_anywhere_is_found_and_tested(tmp_path, monkeypatch, factory):
    monkeypatch.setattr("audit.stages.reporting.render", lambda run, **_: (run.path, run.path))
    config, stickers = written(tmp_path, factory)
    run = audit.run(config, out=tmp_path / "run")
    found = next(r for r in run.regions if r.settings.get("how") == "thing")
    masks = np.asarray(run.array("regions", found.name), bool)
    assert np.mean([m[s].mean() for m, s in zip(masks, stickers, strict=True) if s.any()]) > 0.6

    bearing = {c.id for c, m in zip(run.read(Case), masks, strict=True) if m.any()}
    asked = [
        e for e in run.read(Effect) if e.region == found.name and e.change is not None and e.cls == "ill"
    ]
    put = {e.case for e in asked if e.intervention == "transplant"}
    taken = {(e.case, e.fill) for e in asked if e.intervention == "removal"}
    assert {fill for _, fill in taken} == {"inpaint", "ring", "donor"}  # cases without it can lend a patch
    assert not put & {case for case, _ in taken}  # it is put into cases that do not bear it
    assert {case for case, _ in taken} <= bearing

    rows = {v["artefact"]: v["verdict"] for v in run.findings()["verdicts"]}
    if factory == "blue":
        assert rows[found.name] == "suspected"
        assert next(iter(rows)) == found.name
        text = config.read_text().replace("discovery: 3", "discovery: 0")
        named = f"regions: [lesion, {{name: sticker, mask: run/found/{found.name}.npz}}]"
        config.write_text(text.replace("regions: [lesion]", named))
        listed = audit.run(config, out=tmp_path / "next")
        assert np.array_equal(listed.array("regions", "sticker"), masks)
        (row,) = [v for v in listed.findings()["verdicts"] if v["artefact"] == "sticker"]
        assert (row["verdict"], row["cls"]) == ("confirmed", "ill")  # an expert has named it
    else:
        assert found.name not in rows
        assert not {"confirmed", "suspected"} & set(rows.values())
