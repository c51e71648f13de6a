"""The report as evidence: what an auditor of the audit looks for, a section each."""

from __future__ import annotations

from dataclasses import dataclass

from audit.report.blocks import Fact
from audit.report.dossier import (
    control,
    criteria,
    crosswalk,
    methods,
    provenance,
    purpose,
    sample,
    traceability,
)
from audit.report.dossier.parts import Section
from audit.report.source import Source

__all__ = ["Dossier", "Section", "dossier"]


@dataclass(frozen=True, kw_only=True)
class Dossier:
    """A section for each file of that name under ``templates/sections``, and a line for the first page."""

    independence: Fact
    control: Section
    purpose: Section
    provenance: Section
    leakage: Section
    reference: Section
    sample: Section
    methods: Section
    criteria: Section
    traceability: Section
    deviations: Section
    signoff: Section
    crosswalk: tuple[crosswalk.Walk, ...]


def dossier(source: Source) -> Dossier:
    """All sections of a run."""
    found = provenance.compared(source)
    return Dossier(
        independence=provenance.independence(found),
        control=control.control(source),
        purpose=purpose.purpose(source),
        provenance=provenance.provenance(source),
        leakage=provenance.leakage(source, found),
        reference=purpose.reference(source),
        sample=sample.sample(source),
        methods=methods.methods(source),
        criteria=criteria.criteria(source),
        traceability=traceability.traceability(source),
        deviations=criteria.deviations(source),
        signoff=control.signoff(source),
        crosswalk=crosswalk.walks(source),
    )


def beside(source: Source) -> dict[str, str]:
    """What lies beside the report as files of their own: name and text."""
    return {
        "traceability.csv": traceability.as_csv(source),
        "files.sha256": provenance.sums(provenance.prints(source)),
    }
