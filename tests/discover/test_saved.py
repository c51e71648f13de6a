"""A place that was found, saved, and named by the next audit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as Pillow

from audit import regions
from audit.discover import Candidate, entry, save
from audit.errors import ConfigError, DataError
from audit.images.dataset import of_arrays
from audit.images.grid import Grid
from audit.record import Case, Run
from audit.regions.place import Place

MASK = np.zeros((40, 40), bool)
MASK[30:38, 2:8] = True


def candidate(name, mask):
    masks = np.stack([MASK, np.zeros_like(MASK), MASK[::-1]])
    return Candidate(
        name=name,
        title="Found",
        how="moving" if mask is None else "one place",
        masks=masks,
        rows=(0, 1, 2),
        label="a",
        purity=1.0,
        base=0.5,
        mean=np.ones((40, 40), np.float32),
        strength=3.0,
        mask=mask,
    )


def picture(size=40, lesion=None, case="a"):
    image = np.random.default_rng(0).random((size, size, 3))
    case = Case(id=case, image="a", label="x", patient="a")
    return of_arrays(case, image, Grid(size=(size, size)), lesion=lesion)


@pytest.fixture
def saved(tmp_path):
    run = Run(tmp_path, {})
    files = save(run, [candidate("found-1", MASK), candidate("found-2", None)], ["a", "b", "c"])
    assert files == {
        "found-1": tmp_path / "found" / "found-1.png",
        "found-2": tmp_path / "found" / "found-2.npz",
    }
    return tmp_path


def test_what_was_saved_is_the_next_audits_region(saved):
    """The very pixels, off the lesion, in every case."""
    (region,) = regions.catalogue([{"name": "left-edge", "mask": "found/found-1.png"}], folder=saved)
    assert (region.name, region.role, region.title) == ("left-edge", "artefact", "Left edge")
    assert len(region.settings["sha256"]) == 64
    found = regions.find([region], picture(), Grid(size=(40, 40)), folder=saved)
    assert (found["left-edge"] == MASK).all()
    lesion = np.zeros((40, 40), bool)
    lesion[34:40] = True
    found = regions.find([region], picture(lesion=lesion), Grid(size=(40, 40)), folder=saved)
    assert (found["left-edge"] == MASK & ~lesion).all()


def test_the_line_for_the_configuration_is_what_it_reads():
    from pathlib import Path

    from ruamel.yaml import YAML

    (read,) = YAML(typ="safe").load(entry("left-edge", Path("found/left-edge.png")))
    assert read == {"name": "left-edge", "mask": "found/left-edge.png"}


def test_on_another_grid_it_lies_at_the_same_place(saved):
    (region,) = regions.catalogue([Place(name="edge", mask="found/found-1.png")], folder=saved)
    found = regions.find([region], picture(80), Grid(size=(80, 80)), folder=saved)["edge"]
    rows, columns = found.nonzero()
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (60, 75, 4, 15)


def test_what_moves_is_named_by_its_mask_in_each_case(saved):
    """Where it was, not there, elsewhere; and in a case that was not in that audit nobody knows."""
    (region,) = regions.catalogue([{"name": "ink", "mask": "found/found-2.npz"}], folder=saved)
    assert (region.detector, region.settings["how"], region.borne) == ("saved place", "moving", False)
    lies = [regions.find([region], picture(case=c), Grid(size=(40, 40)), folder=saved)["ink"] for c in "abcd"]
    assert (lies[0] == MASK).all()
    assert not lies[1].any()
    assert (lies[2] == MASK[::-1]).all()
    assert lies[3] == "this case was not in the audit that found it"
    larger = regions.find([region], picture(80, case="c"), Grid(size=(80, 80)), folder=saved)["ink"]
    assert (larger == MASK[::-1].repeat(2, 0).repeat(2, 1)).all()


def test_a_thing_stays_one_that_some_cases_bear(tmp_path):
    save(Run(tmp_path, {}), [replace(candidate("found-1", None), how="thing")], ["a", "b", "c"])
    (region,) = regions.catalogue([{"name": "ink", "mask": "found/found-1.npz"}], folder=tmp_path)
    assert region.borne


def test_files_that_hold_no_masks_are_told(tmp_path):
    (tmp_path / "text.npz").write_text("no archive")
    np.savez(tmp_path / "other.npz", masks=np.zeros(3, np.uint8))
    few, huge = {"masks": np.zeros(3, np.uint8), "how": "thing"}, np.array([2, 1 << 30, 1 << 30])
    np.savez(tmp_path / "short.npz", cases=["a", "b"], size=[2, 40, 40], **few)
    np.savez(tmp_path / "huge.npz", cases=["a", "b"], size=huge, **few)
    np.savez(tmp_path / "odd.npz", cases=np.array([{}], object), size=[1, 4, 4], **few)
    names = ("text", "other", "short", "huge", "odd", "gone")
    with pytest.raises(ConfigError) as caught:
        regions.catalogue([{"name": n, "mask": f"{n}.npz"} for n in names], folder=tmp_path)
    assert [p.where for p in caught.value.problems] == [f"regions[{i}]" for i in range(len(names))]


def test_masks_that_were_changed_meanwhile_are_told(saved):
    (region,) = regions.catalogue([{"name": "ink", "mask": "found/found-2.npz"}], folder=saved)
    save(Run(saved, {}), [candidate("found-2", None)], ["a", "b", "d"])
    with pytest.raises(DataError, match="changed"):
        regions.find([region], picture(), Grid(size=(40, 40)), folder=saved)


def test_wrong_entries_are_told_all_at_once(saved):
    Pillow.fromarray(np.zeros((8, 8), np.uint8)).save(saved / "black.png")
    (saved / "text.png").write_text("no picture")
    with pytest.raises(ConfigError) as caught:
        regions.catalogue(
            [
                {"name": "a", "mask": "found/nothing.png"},
                {"name": "b", "mask": "black.png"},
                {"name": "c", "mask": "text.png"},
                {"name": "border", "mask": "found/found-1.png"},
                {"name": "lesion:x", "mask": "found/found-1.png"},
                {"name": "d", "file": "found/found-1.png"},
                {"name": "e"},
                {"name": "f", "mask": 3},
                "border",
            ],
            folder=saved,
        )
    assert [p.where for p in caught.value.problems] == [f"regions[{i}]" for i in range(8)]
    told = str(caught.value)
    assert "black all over" in told
    assert "no such file" in told
    assert "a name of ours" in told


def test_a_mask_that_was_changed_meanwhile_is_told(saved):
    (region,) = regions.catalogue([{"name": "edge", "mask": "found/found-1.png"}], folder=saved)
    Pillow.fromarray(np.full((40, 40), 255, np.uint8)).save(saved / "found" / "found-1.png")
    with pytest.raises(DataError, match="changed"):
        regions.find([region], picture(), Grid(size=(40, 40)), folder=saved)
