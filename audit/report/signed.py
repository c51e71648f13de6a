"""A signature on a copy of the paper (PAdES, baseline B): who answers for it, and that not a byte was changed since.

The paper itself stays as it is, so that it can still be made again byte for byte; the signature is added behind it.
"""

from __future__ import annotations

import io
import logging
from pathlib import Path

from audit.errors import ConfigError, RunError

NAME = "report-signed.pdf"
FIELD = "Signature1"


def sign(
    paper: Path,
    key: Path,
    *,
    password: str | None = None,
    reason: str | None = None,
    place: str | None = None,
) -> Path:
    """Sign a paper, and return where the signed copy lies: beside it.

    Args:
        paper: ``report.pdf``.
        key: a PKCS #12 file (``.p12``, ``.pfx``) with the key, its certificate and those between it and the root.
        password: of the key's file.
        reason: why it is signed, as the signature shows it.
        place: where.

    Raises:
        ConfigError: the extra ``sign`` is not installed, or the key cannot be opened.
        RunError: there is no paper to sign, or it cannot be signed.
    """
    try:
        from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
        from pyhanko.sign import fields, signers
    except ImportError:
        raise ConfigError(
            "signing needs pyHanko, which is not installed", todo="pip install 'pfungst[sign]'"
        ) from None
    if not paper.is_file():
        raise RunError("there is no paper to sign", where=str(paper), todo="run `pfungst report` first")
    if not key.is_file():
        raise ConfigError("there is no such file", where=str(key), todo="name the PKCS #12 file with --key")
    logging.getLogger("pyhanko").addHandler(logging.NullHandler())
    signer = signers.SimpleSigner.load_pkcs12(  # type: ignore[no-untyped-call]
        str(key), passphrase=None if password is None else password.encode("utf-8")
    )
    if signer is None:
        raise ConfigError(
            "this key cannot be opened: it is no PKCS #12 file, or its password is another",
            where=str(key),
            todo="put the password into the environment as PFUNGST_KEY_PASSWORD",
        )
    about = signers.PdfSignatureMetadata(
        field_name=FIELD,
        reason=reason,
        location=place,
        md_algorithm="sha256",
        subfilter=fields.SigSeedSubFilter.PADES,
    )
    out = io.BytesIO()
    writer = IncrementalPdfFileWriter(io.BytesIO(paper.read_bytes()))
    signers.PdfSigner(about, signer).sign_pdf(writer, output=out)
    signed = paper.with_name(NAME)
    half = signed.with_name(NAME + ".part")
    half.write_bytes(out.getvalue())
    half.replace(signed)
    return signed
