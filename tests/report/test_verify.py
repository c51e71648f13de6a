"""``pfungst verify`` names any byte that is not what it was."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import pypdf
import pytest
import synthetic
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit import cli, stages, verify
from audit.errors import RunError
from audit.record import Run
from audit.report import digests
from audit.report.signed import NAME


def paper(attachments: dict[str, bytes]) -> bytes:
    """A PDF of one page that carries files along."""
    writer, held = pypdf.PdfWriter(), io.BytesIO()
    writer.add_blank_page(72, 72)
    for name, content in attachments.items():
        writer.add_attachment(name, content)
    writer.write(held)
    return held.getvalue()


def rendered(run: Run, attachments: dict[str, bytes]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("audit.report.pdf.document", lambda *_, **__: paper(attachments))
        stages.report(run)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a report whose PDF carries two files of the run."""
    run = synthetic.write(tmp_path_factory.mktemp("verify") / "run", n=4, size=16, explainers=("cam", "lime"))
    (rule, *_) = run.rule_files()
    rendered(run, {"findings.json": (run.path / "findings.json").read_bytes(), rule.name: rule.read_bytes()})
    return run.path


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "run"))


def files(run: Path) -> list[Path]:
    return sorted(p for p in run.rglob("*") if p.is_file())


def named(run: Path) -> Iterator[str]:
    """The files that are named. With a manifest that cannot be read nothing can be compared: it alone is named."""
    try:
        found = verify.problems(run)
    except RunError as error:
        found = list(error.problems)
    for problem in found:
        yield Path(problem.where).relative_to(run).as_posix()


def test_a_run_as_it_was_sealed_holds(whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify.problems(whole) == []
    cli.app(["verify", str(whole)], standalone_mode=False)
    assert "every byte is what was sealed" in capsys.readouterr().out


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_flipped_byte_of_any_file_is_named(whole: Path, data: st.DataObject) -> None:
    """Also one in a blank of the manifest, and in the lists of digests themselves."""
    file = data.draw(st.sampled_from([f for f in files(whole) if f.stat().st_size]))
    content = file.read_bytes()
    at = data.draw(st.integers(0, len(content) - 1))
    changed = bytearray(content)
    changed[at] ^= data.draw(st.integers(1, 255))
    try:
        file.write_bytes(changed)
        assert file.relative_to(whole).as_posix() in set(named(whole))
    finally:
        file.write_bytes(content)


def test_any_file_that_is_deleted_is_named(whole: Path) -> None:
    for file in files(whole):
        content = file.read_bytes()
        file.unlink()
        try:
            assert file.relative_to(whole).as_posix() in set(named(whole))
        finally:
            file.write_bytes(content)
    assert verify.problems(whole) == []


@pytest.mark.parametrize(
    "name",
    ["a.txt", "maps/b.npy", "report/c.html", "d.parquet.part", "new/folder/e", ".hidden", "thumbs/f\n.jpg"],
)
def test_any_file_that_is_added_is_named(copy: Path, name: str) -> None:
    (copy / name).parent.mkdir(parents=True, exist_ok=True)
    (copy / name).write_text("x")
    assert list(named(copy)) == [name]


def test_a_link_is_no_file_of_the_run(copy: Path, tmp_path: Path) -> None:
    """Also where it leads to the same bytes: they lie elsewhere and can change there."""
    outside = shutil.move(copy / "cases.parquet", tmp_path / "elsewhere")
    (copy / "cases.parquet").symlink_to(outside)
    (copy / "more").symlink_to(tmp_path, target_is_directory=True)
    assert set(named(copy)) == {"cases.parquet", "more"}


def test_all_problems_are_told_at_once_and_end_with_three(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (copy / "estimates.parquet").write_bytes(b"no table")
    (copy / "failures.csv").unlink()
    (copy / "report" / "index.html").write_text("all is well")
    (copy / "extra").write_text("x")
    with pytest.raises(SystemExit) as caught:
        cli.main(["verify", str(copy)])
    assert caught.value.code == 3
    said = capsys.readouterr().err
    for name, what in (
        ("estimates.parquet", "is not what was sealed"),
        ("failures.csv", "is missing"),
        ("index.html", "is not what was rendered"),
        ("extra", "was added"),
    ):
        assert any(name in line and what in line for line in said.splitlines())


def test_what_the_pdf_carries_must_be_the_run_s(copy: Path) -> None:
    """The list of digests may be right about a PDF whose attachments are not."""
    run = Run.open(copy)
    rendered(
        run,
        {"findings.json": b"{}", "letter.txt": b"x", "cases.parquet": (copy / "cases.parquet").read_bytes()},
    )
    assert [p.what for p in verify.problems(copy)] == [
        "the attachment 'findings.json' is not the run's findings.json",
        "the attachment 'letter.txt' is no file of the run",
    ]


def test_a_signed_copy_is_noted_and_is_of_this_paper(copy: Path) -> None:
    """One that was not noted was added; a byte of it that changes is named; one of an older paper is told."""
    run = Run.open(copy)
    signed = run.report / NAME
    signed.write_bytes((run.report / "report.pdf").read_bytes() + b"and a signature")
    assert [p.what for p in verify.problems(copy)] == ["this file was added: it is not among those rendered"]
    digests.note(run, signed)
    assert verify.problems(copy) == []
    signed.write_bytes((run.report / "report.pdf").read_bytes() + b"and another one")
    assert list(named(copy)) == ["report/report-signed.pdf"]
    digests.note(run, signed)
    rendered(run, {"failures.csv": (copy / "failures.csv").read_bytes()})
    assert [p.what for p in verify.problems(copy)] == ["this is no signed copy of the report.pdf beside it"]


def test_noting_a_copy_makes_nothing_else_good(copy: Path) -> None:
    """Neither a page that was changed before, nor a list that was."""
    run = Run.open(copy)
    (run.report / "index.html").write_text("all is well")
    digests.note(run, run.report / "junit.xml")
    assert list(named(copy)) == ["report/index.html"]
    listed = run.report / digests.NAME
    listed.write_text(listed.read_text().replace("schema", "Schema"))
    before = listed.read_bytes()
    digests.note(run, run.report / "junit.xml")
    assert listed.read_bytes() == before


def test_a_report_of_other_findings_is_told(copy: Path) -> None:
    """Findings were judged anew and the run was sealed anew, but the report still says what was found before."""
    run = Run.open(copy)
    run.write_findings("clear", [], [], [])
    run.seal()
    assert any("rendered from other findings" in p.what for p in verify.problems(copy))


def test_the_seal_of_a_run_does_not_depend_on_its_report(copy: Path) -> None:
    before = (copy / "manifest.json").read_bytes()
    rendered(Run.open(copy), {})
    assert (copy / "manifest.json").read_bytes() == before
    shutil.rmtree(copy / "report")
    assert verify.problems(copy) == []


def test_a_run_that_did_not_finish_does_not_hold(tmp_path: Path) -> None:
    run = synthetic.write(tmp_path / "run", n=4, size=16, explainers=(), seal=False)
    assert any("never sealed" in p.what for p in verify.problems(run.path))


@pytest.mark.parametrize("where", ["nothing", "empty"])
def test_what_is_no_run_is_wrong_usage(
    where: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SystemExit) as caught:
        cli.main(["verify", str(tmp_path / where)])
    assert caught.value.code == 2
    assert where in capsys.readouterr().err
