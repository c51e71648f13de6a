"""Whatever stands in a file name, a label, a patient's name, a rule or a statement comes out as text, everywhere."""

from __future__ import annotations

import io
import json
import re
from html.parser import HTMLParser

import pypdf
import pytest
import synthetic
from ruamel.yaml import YAML

from audit.errors import visible
from audit.record import Fingerprint, Run
from audit.report import build, html, pdf
from audit.report.dossier import traceability
from audit.report.source import load

NASTY = {
    "script": "<script>alert(1)</script>",
    "image": "<img src=x onerror=alert(1)>",
    "end of a comment and of data": "--> ]]> <![CDATA[ <!-- </svg></title></style></textarea>",
    "template": "{{7*7}} {% include '/etc/passwd' %} {# gone #} ${7*7} #{7*7}",
    "quotes": "\"' onmouseover='alert(1)' \" `",
    "entities": "&lt;b&gt; &#60;i&#62; &amp;nbsp;",
    "lines": "first\nsecond\r\nthird\tfourth\vfifth\u2028sixth",
    "right to left": "abc\u202egnp.exe\u2066x\u2069\u200f",
    "NUL and its like": "a\x00b\x07c\x1b[31md\x7f",
    "address": "javascript:alert(1) http://127.0.0.1/x file:///etc/passwd",
    "path": "../../../etc/passwd\\..\\x",
    "style": "</style><style>*{display:none}</style> expression(alert(1)) @import 'x'",
    "DICOM": "DOE^JANE^^Dr.=\u5927\u5bb6^\u592a\u90ce\\1.2.840.10008\x00 ",
    "formula": '=HYPERLINK("http://127.0.0.1","x")',
    "very long": "W" * 3000,
    "many marks": "Z\u0351\u036b\u0343" * 50,
    "no letter": "\ufffe\ufeff\u200b\ud7ff",
}


class Page(HTMLParser):
    """The page's text and tags; attribute values by their tag."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text, self.tags, self.attributes = "", [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_data(self, data):
        self.text += data


def made(path, bad: str) -> Run:
    """A run in which a string stands wherever a string may stand."""
    region = synthetic.Region(
        name=bad, role="artefact", title=bad, detector=bad, version=bad, settings={bad: bad}
    )
    run = synthetic.write(
        path, n=3, size=24, classes=("well", bad), ids=[bad], title=bad, credit=bad, explainers=("lime",), why_not=bad,
        regions=[*synthetic.REGIONS[:1], region], seal=False, further=False,
    )  # fmt: skip
    person = {"name": bad, "role": bad, "meaning": bad}
    run.manifest["config"] |= {
        "document": {
            "id": bad, "version": bad, "classification": bad, "author": person, "reviewer": person, "approver": person,
            "revisions": [{"version": bad, "date": bad, "by": bad, "change": bad}], "deviations": [bad],
        },
        "intended_use": {"purpose": bad, "claim": bad},
        "provenance": {"sources": bad, "licence": bad},
        "reference_standard": {"drawn_by": bad},
        bad: {bad: bad},
    }  # fmt: skip
    run.manifest["data"]["manifest"] = bad
    run.manifest["history"] = [{"stage": "judge", "rules": {bad: str(n)}} for n in (1, 2)]
    run.manifest["given_up"] = [bad]
    print_ = {"image": bad, "patient": bad, "sha256": "0a" * 32, "look": None, "why": bad}
    run.write(
        Fingerprint,
        [Fingerprint(case=bad, split=split, audited=True, **print_) for split in (bad, "other")],
    )
    yaml = YAML(typ="safe", pure=True)
    rule = dict.fromkeys(("title", "severity", "what", "why", "limits"), bad)
    rule |= {
        "id": "nasty",
        "evidence": "reliance",
        "references": [bad],
        "requirements": [bad],
        "risks": [bad],
    }
    with (run.path / "rules" / "999-nasty.yaml").open("w", encoding="utf-8") as file:
        yaml.dump(rule, file)
    run.seal()
    return Run.open(run.path)


def squeezed(text: str) -> str:
    """Without blanks and the soft hyphens and marks of breaking."""
    return re.sub(r"[\s\u00ad\u200b\ufeff\ufffe]+", "", text)


@pytest.mark.parametrize("name", NASTY)
def test_a_nasty_string_is_text_on_the_page(name, tmp_path):
    """No tag, attribute or address of its making; its own words, control characters written out."""
    bad = NASTY[name]
    run = made(tmp_path / "run", bad)
    plain = synthetic.write(
        tmp_path / "plain", n=3, size=24, explainers=("lime",), regions=synthetic.REGIONS[:2], further=False
    )
    page, usual = Page(html.page(build(run))), Page(html.page(build(plain)))
    assert set(page.tags) <= set(usual.tags) | {"code", "pre"}
    assert {a for _, a, _ in page.attributes} <= {a for _, a, _ in usual.attributes} | {"colspan"}
    for tag, attribute, value in page.attributes:
        assert not attribute.startswith("on"), (tag, attribute)
        if attribute in ("src", "href"):
            assert str(value).startswith(("data:image/jpeg;base64,", "#"))
    assert squeezed(visible(bad)) in squeezed(page.text)
    assert "\x00" not in page.text
    assert "\u202e" not in page.text
    if "7*7" in bad:
        assert "49" not in squeezed(page.text).split("{{7*7}}")[1][:3]
        assert "root:" not in page.text


@pytest.mark.parametrize("name", NASTY)
def test_a_nasty_string_is_text_in_json_and_csv(name, tmp_path):
    bad = NASTY[name]
    run = made(tmp_path / "run", bad)
    found = json.loads((run.path / "findings.json").read_text("utf-8"))
    assert any(f["cls"] == bad for f in found["findings"])
    lines = [line for line in traceability.lines(load(run)) if line[1] == "nasty"]
    assert lines == [(bad.strip(), "nasty", bad, "nothing to judge", bad.strip())]
    for row in traceability.as_csv(load(run)).splitlines():
        assert not row.startswith(("=", "+", "@"))


@pytest.mark.parametrize(
    "name", ["script", "template", "right to left", "NUL and its like", "DICOM", "very long"]
)
def test_a_nasty_string_is_text_on_paper(name, tmp_path):
    """As words on a page; and the file names no script, no launch and no address."""
    bad = NASTY[name]
    content = pdf.document(build(made(tmp_path / "run", bad)))
    reader = pypdf.PdfReader(io.BytesIO(content))
    text = squeezed("".join(p.extract_text() for p in reader.pages).replace("\x00", ""))
    if name == "very long":
        assert squeezed("(3,000 letters)") in text, "a word is cut on paper, and it says so"
    latin = re.sub(r"[^!-~]+", "", visible(bad))
    assert latin[:40] in re.sub(r"[^!-~]+", "", text)
    assert not re.search(rb"/(JavaScript|JS|Launch|OpenAction|AA|EmbeddedFile|URI)\b\s*[(<]", content)
    for p in reader.pages:
        for link in p.get("/Annots") or []:
            assert "/A" not in link.get_object() or link.get_object()["/A"].get("/S") != "/URI"
