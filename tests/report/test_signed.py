"""A signed paper: who answers for it, and that not a byte was changed since."""

from __future__ import annotations

import datetime
import io
from pathlib import Path

import pytest
import synthetic
from asn1crypto import pem
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from audit import verify
from audit.cli import main
from audit.record import Run
from audit.report import checked, render

PASSWORD = "ein Schlüssel"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = synthetic.write(tmp_path_factory.mktemp("run") / "run", n=4, size=24, further=False)
    render(run)
    return run


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key with a certificate that it signed itself."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Dr. A. Example")])
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=True, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(usage, critical=True)
        .sign(private, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("key")
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    lock = serialization.BestAvailableEncryption(PASSWORD.encode("utf-8"))
    (folder / "key.p12").write_bytes(
        pkcs12.serialize_key_and_certificates(b"a", private, certificate, None, lock)
    )
    return folder / "key.p12"


def status(content: bytes, key: Path):
    """What pyHanko says of the only signature."""
    trusted = asn1.Certificate.load(pem.unarmor(key.with_name("cert.pem").read_bytes())[2])
    signature = PdfFileReader(io.BytesIO(content)).embedded_signatures[0]
    return validate_pdf_signature(signature, ValidationContext(trust_roots=[trusted], allow_fetching=False))


def test_a_signed_copy_lies_beside_the_paper(
    run: Run, key: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The paper is untouched and begins the copy; the copy is signed as a whole and still what it claims to be."""
    monkeypatch.setenv("PFUNGST_KEY_PASSWORD", PASSWORD)
    before = (run.report / "report.pdf").read_bytes()
    with pytest.raises(SystemExit) as ended:
        main(["sign", str(run.path), "--key", str(key), "--reason", "I have read it", "--place", "Berlin"])
    assert ended.value.code == 0
    assert "report-signed.pdf" in capsys.readouterr().out
    signed = (run.report / "report-signed.pdf").read_bytes()
    assert (run.report / "report.pdf").read_bytes() == before
    assert signed.startswith(before)
    assert verify.problems(run.path) == []  # the copy is noted, and the paper's files are the run's
    said = status(signed, key)
    assert said.intact
    assert said.valid
    assert said.trusted
    assert said.coverage.name == "ENTIRE_FILE"
    assert said.signing_cert.subject.native["common_name"] == "Dr. A. Example"
    assert (
        PdfFileReader(io.BytesIO(signed)).embedded_signatures[0].sig_object["/SubFilter"]
        == "/ETSI.CAdES.detached"
    )
    assert checked.problems(run.report / "report-signed.pdf") == []


def test_a_changed_byte_shows(run: Run, key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One byte of a stream of the signed part."""
    monkeypatch.setenv("PFUNGST_KEY_PASSWORD", PASSWORD)
    with pytest.raises(SystemExit):
        main(["sign", str(run.path), "--key", str(key)])
    content = bytearray((run.report / "report-signed.pdf").read_bytes())
    at = content.index(b"stream\n") + 400
    content[at] ^= 1
    assert not status(bytes(content), key).intact


@pytest.mark.parametrize("wrong", ["password", "file", "kind"])
def test_a_key_that_cannot_be_used_is_told(
    wrong: str,
    run: Run,
    key: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With exit code 2 and what to do, and nothing is written."""
    monkeypatch.setenv("PFUNGST_KEY_PASSWORD", "another" if wrong == "password" else PASSWORD)
    (run.report / "report-signed.pdf").unlink(missing_ok=True)
    (tmp_path / "text.p12").write_text("no key", "utf-8")
    given = {"password": key, "file": tmp_path / "none.p12", "kind": tmp_path / "text.p12"}[wrong]
    with pytest.raises(SystemExit) as ended:
        main(["sign", str(run.path), "--key", str(given)])
    assert ended.value.code == 2
    assert given.name in capsys.readouterr().err
    assert not (run.report / "report-signed.pdf").exists()
