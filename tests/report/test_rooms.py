"""A template prints what it is handed and reads nothing else, whoever wrote it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import synthetic

from audit.cli import main
from audit.errors import ConfigError
from audit.record import Run
from audit.report import Context, build, html, pdf, render, rooms
from audit.stages import intact

SECRET = "the-secret-of-this-machine"


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    return synthetic.write(tmp_path_factory.mktemp("run") / "run", n=4, size=32, explainers=("lime",))


@pytest.fixture(scope="module")
def context(run) -> Context:
    return build(run)


def folder(tmp_path: Path, **files: str) -> Path:
    own = tmp_path / "own"
    (own / "sections").mkdir(parents=True)
    for name, text in files.items():
        place = own / (name.replace("__", "/") + ("" if "." in name else ".html"))
        place.write_text(text, "utf-8")
    return own


def test_a_file_of_the_users_stands_in_for_ours_and_the_rest_stays(tmp_path, context):
    own = folder(
        tmp_path, sections__control="<p>House style: {{ c.title }}</p>", **{"common.css": ".x { color: red }"}
    )
    page = html.page(context, templates=own)
    assert f"<p>House style: {context.title}</p>" in page
    assert ".x { color: red }" in page
    assert 'id="purpose"' in page
    assert "House style" not in html.page(context)


HOSTILE = {
    "class walk": "{{ c.__class__.__mro__ }}",
    "text's class": "{{ ''.__class__.__subclasses__() }}",
    "by index": "{{ c['__class__'] }}",
    "by filter": "{{ c | attr('__class__') }}",
    "by map": "{{ [c] | map(attribute='__class__') | join }}",
    "by sort": "{{ [c] | groupby('__class__') | map(attribute='grouper') | join }}",
    "by format": "{{ '{0.__class__.__mro__}'.format(c) }}",
    "by format_map": "{{ '{x.__class__}'.format_map({'x': c}) }}",
    "a function's globals": "{{ address.__globals__ }}",
    "a method's function": "{{ c.title.upper.__self__.__class__ }}",
    "a macro's globals": "{% import 'macros.html' as m %}{{ m.badge.__globals__ }}",
    "a macro's insides": "{% import 'macros.html' as m %}{{ m.badge._environment }}",
    "the template itself": "{{ self._TemplateReference__context }}",
    "the loop's insides": "{% for x in [1] %}{{ loop._iterator.__class__ }}{% endfor %}",
    "a function's attributes": "{{ address.for_templates }}",
    "a dataclass's method": "{{ c.__init__(title='x') }}",
    "fields": "{{ c.__dataclass_fields__ }}",
    "include above": "{% include '../secret.txt' %}",
    "include above, hidden": "{% include 'sections/../../secret.txt' %}",
    "include absolute": "{% include '/etc/hostname' %}",
    "include by a drive": "{% include 'C:/secret.txt' %}",
    "include by backslash": "{% include '..\\\\secret.txt' %}",
    "include of a joined name": "{% set up = '..' %}{% include up ~ '/secret.txt' %}",
    "import": "{% from '../secret.txt' import x %}",
    "extends": "{% extends '../secret.txt' %}",
    "no escaping": "{% autoescape false %}{{ c.title }}{% endautoescape %}",
    "safe": "{{ c.title | safe }}",
    "chance": "{{ lipsum() }}",
    "chance in a filter": "{{ [1, 2] | random }}",
    "changing what is handed in": "{% set _ = c.beside.append(1) %}",
    "changing a dict": "{% set d = {} %}{{ d.update({1: 2}) }}",
    "a gap": "{{ c.nothing_of_the_kind }}",
    "python": "{% do 1 %}",
    "config": "{{ config.items() }}",
    "builtins": "{{ open('/etc/hostname').read() }}",
    "cycler": "{{ cycler.__init__.__globals__ }}",
    "namespace": "{{ namespace.__init__ }}",
    "dict's class": "{{ dict.__base__ }}",
    "generator": "{{ (c.cases | map('upper')).gi_frame }}",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_template_is_refused_with_its_place(name, tmp_path, context):
    (tmp_path / "secret.txt").write_text(SECRET)
    own = folder(tmp_path, sections__purpose="<p>first line</p>\n" + HOSTILE[name])
    with pytest.raises(ConfigError) as told:
        html.page(context, templates=own)
    assert SECRET not in str(told.value)
    assert "sections/purpose.html:" in str(told.value)


@pytest.mark.parametrize("medium", ["screen", "paper"])
def test_no_medium_takes_a_hostile_frame(medium, tmp_path, context):
    frame = {"screen": "report", "paper": "paper"}[medium]
    with pytest.raises(ConfigError, match=rf"{frame}\.html:1"):
        html.page(context, medium, templates=folder(tmp_path, **{frame: "{{ c.__class__ }}"}))


HEAD = "<html><head>"
POLICY = '<meta http-equiv="Content-Security-Policy" content="{{ policy }}">'
UNSAFE = {
    "no policy": HEAD + "<title>x</title>",
    "a picture before it": HEAD + "<img src='http://127.0.0.1/'>" + POLICY,
    "another policy": HEAD + '<meta http-equiv="Content-Security-Policy" content="default-src *">',
    "another place": HEAD
    + POLICY
    + "<meta http-equiv='refresh' content='0;url=http://127.0.0.1/{{ c.title }}'>",
    "a link": HEAD + POLICY + "<link rel='dns-prefetch' href='//{{ c.short_hash }}.invalid'>",
}


@pytest.mark.parametrize("name", UNSAFE)
def test_a_page_keeps_its_policy_whatever_frame_it_has(name, tmp_path, context):
    with pytest.raises(ConfigError, match="not be safe to open"):
        html.page(context, templates=folder(tmp_path, report=UNSAFE[name]))
    assert html.page(
        context, templates=folder(tmp_path / "good", report=HEAD + "<meta charset=utf-8>" + POLICY)
    )


def test_links_out_of_the_folder_are_refused(tmp_path, context):
    (tmp_path / "secret.html").write_text(SECRET)
    own = folder(tmp_path)
    os.symlink(tmp_path / "secret.html", own / "sections" / "purpose.html")
    with pytest.raises(ConfigError, match="a link is no template"):
        html.page(context, templates=own)
    (own / "sections" / "purpose.html").unlink()
    os.symlink(tmp_path, own / "more", target_is_directory=True)
    with pytest.raises(ConfigError, match="a link is no template"):
        html.page(context, templates=own)


def test_a_link_made_later_leads_nowhere(tmp_path):
    """The loader itself looks where a name leads, whatever was checked before."""
    (tmp_path / "secret.html").write_text(SECRET)
    own = folder(tmp_path)
    room = rooms.environment(own)
    os.symlink(tmp_path / "secret.html", own / "late.html")
    with pytest.raises(rooms.TemplateNotFound):
        room.get_template("late.html")


@pytest.mark.parametrize(
    ("file", "text", "why"),
    [
        ("run.exe", "x", "this is no template"),
        ("compare.js", "x", "this is no template"),
        ("common.css", "a{} </style><script>", "a style holds no tag"),
        ("big.html", "x" * (rooms.LARGEST + 1), "larger than 1 MiB"),
        ("wrong.html", "{% if %}", r"wrong.html:1:1: this template is wrong"),
    ],
)
def test_what_is_no_template_is_told(file, text, why, tmp_path, context):
    with pytest.raises(ConfigError, match=why):
        html.page(context, templates=folder(tmp_path, **{file: text}))


def test_there_must_be_a_folder(tmp_path, context):
    with pytest.raises(ConfigError, match="no such folder of templates"):
        html.page(context, templates=tmp_path / "none")


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/x.png", "file:///etc/hostname"])
def test_the_paper_opens_no_address_that_a_template_names(address, tmp_path, context):
    own = folder(tmp_path, sections__purpose=f'<img src="{address}" alt="x">')
    with pytest.raises(ConfigError, match="a report opens no address"):
        pdf.document(context, templates=own)


def test_what_is_printed_by_a_users_template_is_still_text(tmp_path):
    bad = "<script>alert(1)</script>"
    run = synthetic.write(tmp_path / "run", n=3, size=32, explainers=("lime",), title=bad)
    own = folder(tmp_path, sections__purpose="<p>{{ c.title }}|{{ c.title ~ '' }}|{{ '%s' % c.title }}</p>")
    page = html.page(build(run), templates=own)
    assert bad not in page
    assert page.count("&lt;script&gt;alert(1)") >= 3


def test_a_run_keeps_its_templates_and_seals_them(tmp_path):
    own = folder(tmp_path, sections__control="<p>Kept with the run</p>")
    run = synthetic.write(tmp_path / "run", n=3, size=32, explainers=("lime",), seal=False)
    rooms.keep(own, run.path / "templates")
    run.seal()
    (own / "sections" / "control.html").write_text("<p>Changed later</p>")
    page, _ = render(Run.open(run.path))
    assert "Kept with the run" in page.read_text("utf-8")
    (run.path / "templates" / "sections" / "control.html").write_text("<p>Forged</p>")
    with pytest.raises(Exception, match=r"control\.html"):
        intact(Run.open(run.path), "report")


def test_the_command_takes_a_folder(run, tmp_path, capsys):
    own = folder(tmp_path, sections__control="<p>By option</p>")
    with pytest.raises(SystemExit):
        main(["report", str(run.path), "--templates", str(own), "-q"])
    assert "By option" in (run.report / "index.html").read_text("utf-8")
    with pytest.raises(SystemExit) as left:
        main(["report", str(run.path), "--templates", str(tmp_path / "none"), "-q"])
    assert left.value.code == 2
