"""A manifest gives its cases, or all that is wrong with it at once."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from audit.errors import DataError
from audit.images.dataset import load
from audit.images.grid import Grid
from audit.images.manifest import read_manifest

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture
def folder(tmp_path):
    for name in ("a.png", "b.png", "c.png", "m.png"):
        Pillow.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / name)
    return tmp_path


def write(folder, *lines, encoding="utf-8"):
    path = folder / "cases.csv"
    path.write_bytes("\n".join(lines).encode(encoding))
    return path


def test_a_plain_manifest(folder):
    """Ids come from the image's path, patients from ids; an empty cell is none."""
    path = write(
        folder,
        "image,label,lesion,patient,group,attribution,licence",
        "a.png,sick,m.png,p1,camera 1,A. Uthor,CC0-1.0",
        "b.png,well,,,,,",
    )
    listing = read_manifest(path, classes=("well", "sick"))
    first, second = listing.cases
    assert (first.id, first.patient, first.group, first.lesion) == ("a", "p1", "camera 1", "m.png")
    assert first.credit == "A. Uthor, CC0-1.0"
    assert (second.id, second.patient, second.lesion, second.group, second.credit) == (
        "b",
        "b",
        None,
        None,
        None,
    )
    assert listing.rows == {"a": "cases.csv:2", "b": "cases.csv:3"}


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_separators_marks_and_line_ends(folder, separator, encoding, end):
    """As spreadsheets write them; a separator inside quotation marks is text."""
    rows = [["image", "label", "patient"], ["a.png", "0", '"Ä, b; c"'], [], ["b.png", "1", "x"]]
    path = folder / "cases.csv"
    path.write_bytes(end.join(separator.join(row) for row in rows).encode(encoding))
    listing = read_manifest(path, labels={"0": "well", "1": "sick"}, classes=("well", "sick"))
    assert [case.label for case in listing.cases] == ["well", "sick"]
    assert listing.cases[0].patient == "Ä, b; c"
    assert listing.rows["b"] == "cases.csv:4"


def test_pictures_that_differ_in_their_suffix_only_keep_it(folder):
    """So that no two have one id."""
    Pillow.fromarray(np.zeros((4, 4), np.uint8)).save(folder / "a.bmp")
    path = write(folder, "image,label", "a.png,x", "a.bmp,x", "b.png,x")
    assert [case.id for case in read_manifest(path).cases] == ["a.png", "a.bmp", "b"]


BAD = (
    "picture,dx,id,mask",
    "a.png,0,1,m.png",
    "b.png,2,2,",
    "c.png,0,1,",
    "d.png,0,4,",
    "../x.png,0,5,",
    "/etc/passwd,0,6,",
    ",0,7,",
    "a.png,,8,",
    "a.png,0,9,n.png",
    "a.png,0,10,m.png,more",
)
SETTINGS = {
    "columns": {"image": "picture", "label": "dx", "lesion": "mask"},
    "labels": {"0": "well", "1": "sick"},
    "classes": ("well", "sick"),
}


def test_all_mistakes_are_told_at_once_with_row_and_column(folder):
    """One problem for each, nothing hidden behind the first."""
    with pytest.raises(DataError) as caught:
        read_manifest(write(folder, *BAD), **SETTINGS)
    told = [(problem.where, problem.what) for problem in caught.value.problems]
    expected = [
        ("cases.csv:3, column dx", "unknown label '2'"),
        ("cases.csv:4, column id", "the id '1' is that of cases.csv:2 too"),
        ("cases.csv:5, column picture", "there is no file 'd.png'"),
        ("cases.csv:6, column picture", "leaves the root"),
        ("cases.csv:7, column picture", "absolute"),
        ("cases.csv:8, column picture", "the image is empty"),
        ("cases.csv:9, column dx", "the label is empty"),
        ("cases.csv:10, column mask", "there is no file 'n.png'"),
        ("cases.csv:11", "5 cells, but 4 columns"),
        ("cases.csv, column dx", "no case of class 'sick'"),
    ]
    assert len(told) == len(expected)
    for (where, what), (at, part) in zip(told, expected, strict=True):
        assert where == at
        assert part in what


def test_keep_going_leaves_out_the_bad_rows_and_says_so(folder):
    """The good rows stay; a class with no case is told under no case's name."""
    listing = read_manifest(write(folder, *BAD), keep_going=True, **SETTINGS)
    assert [case.id for case in listing.cases] == ["1"]
    assert [failure.case for failure in listing.failures] == [
        "2",
        "1",
        "4",
        "5",
        "6",
        "7",
        "8",
        "9",
        "10",
        "",
    ]
    assert {failure.stage for failure in listing.failures} == {"manifest"}
    assert len(listing.problems) == 10


def test_keep_going_cannot_go_on_without_a_case(folder):
    """Nothing left is an error."""
    with pytest.raises(DataError):
        read_manifest(write(folder, "image,label", "z.png,x"), keep_going=True)


def test_columns_that_are_missing_or_unknown_are_errors_even_so(folder):
    """With the nearest name."""
    with pytest.raises(DataError) as caught:
        read_manifest(
            write(folder, "image,label,lession", "a.png,x,"),
            columns={"lesion": "lesion", "artfact": "x"},
            labels={"0": "wel"},
            classes=("well",),
            keep_going=True,
        )
    told = str(caught.value)
    assert "cases.csv:1: there is no column 'lesion' (for lesion)\n    did you mean 'lession'?" in told
    assert "did you mean 'artefact'?" in told
    assert "'wel' is not a class of the model\n    did you mean 'well'?" in told


def test_kinds_need_a_lesion_column_and_bits(folder):
    """Both are told."""
    with pytest.raises(DataError) as caught:
        read_manifest(write(folder, "image,label", "a.png,x"), kinds={"MA": 0})
    assert [problem.where for problem in caught.value.problems] == ["kinds", "kinds, MA"]


def test_a_link_out_of_the_root_is_refused(folder, tmp_path_factory):
    """A path may not lead outside by a link either."""
    outside = tmp_path_factory.mktemp("outside") / "x.png"
    outside.write_bytes((folder / "a.png").read_bytes())
    (folder / "link.png").symlink_to(outside)
    with pytest.raises(DataError, match="leaves the root"):
        read_manifest(write(folder, "image,label", "link.png,x"))


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"image,label\na.png,x\n\0", "cases.csv:3: there is a NUL byte"),
        (b"image,label\na.png,\xff\xfex\n", "cases.csv:2: this is not UTF-8 text"),
        ("image,label\na.png,x\n".encode("utf-16"), "UTF-16"),
        (b"image,label\na.png," + b"x" * 10_000_000 + b"\n", "cases.csv:2: this is not CSV"),
        (b'image,label\na.png,"x\n', "cases.csv:2: this is not CSV"),
        (b"", "the manifest is empty"),
        (b"image,label\n", "lists no case"),
    ],
)
def test_what_is_no_manifest_is_one_clear_error(folder, data, told):
    """With the line, where there is one."""
    (folder / "cases.csv").write_bytes(data)
    with pytest.raises(DataError, match=told) as caught:
        read_manifest(folder / "cases.csv")
    assert len(caught.value.problems) == 1
    assert len(str(caught.value)) < 1000


def test_a_manifest_that_is_not_there(folder):
    """Is named."""
    with pytest.raises(DataError, match=r"nowhere\.csv: the manifest cannot be read"):
        read_manifest(folder / "nowhere.csv")


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=200), head=st.booleans())
def test_no_bytes_break_the_reader(data, head, tmp_path_factory):
    """Whatever is in the file: cases or a DataError."""
    path = tmp_path_factory.mktemp("fuzz") / "cases.csv"
    path.write_bytes((b"image,label\n" if head else b"") + data)
    with pytest.raises(DataError):
        read_manifest(path, keep_going=True)


def test_real_manifests_are_read():
    """The skin set with its patches, and the retina set with lesion kinds as bits."""
    if not (DATA / "isic2017").is_dir() or not (DATA / "idrid").is_dir():
        pytest.skip("the public data sets isic2017 and idrid are not here")
    listing = read_manifest(
        DATA / "isic2017" / "manifest.csv",
        columns={"label": "melanoma", "lesion": "lesion_mask", "artefact": "patch_mask"},
        labels={"0": "benign", "1": "melanoma"},
        classes=("benign", "melanoma"),
    )
    with (DATA / "isic2017" / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(listing.cases) == len(rows)
    assert sum(case.label == "melanoma" for case in listing.cases) == sum(r["melanoma"] == "1" for r in rows)
    assert sum(case.artefact is not None for case in listing.cases) == sum(
        r["patch_mask"] != "" for r in rows
    )
    retina = read_manifest(
        DATA / "idrid" / "manifest.csv",
        columns={"label": "dr_grade", "lesion": "lesion_mask"},
        labels={str(grade): "referable" if grade >= 2 else "healthy" for grade in range(5)},
        keep_going=True,
    )
    assert retina.classes == ("healthy", "referable")
    assert all("the label is empty" in failure.error for failure in retina.failures)
    drawn = next(case for case in retina.cases if case.lesion)
    kinds = {"microaneurysm": 1, "haemorrhage": 2, "exudate": 4, "soft exudate": 8}
    picture = load(drawn, retina.root, Grid(size=(224, 224)), kinds=kinds)
    bits = np.asarray(Pillow.open(retina.root / drawn.lesion))
    assert abs(picture.lesion.mean() - ((bits & 15) > 0).mean()) < 0.01
    assert (picture.lesion >= np.logical_or.reduce(list(picture.kinds.values()))).mean() == 1
