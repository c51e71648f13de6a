"""What nobody can measure and a file must hold: who wrote it, what the model is for, where data and masks come from.

All of it is stated by the user in ``audit.yaml`` and printed as stated. What is left out is printed as "not stated".
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Words = Annotated[str, Field(min_length=1, max_length=20_000)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Person(_Part):
    """Who signs. ``meaning`` is what the signature says; a usual sentence stands where it is left out."""

    name: Words | None = None
    role: Words | None = None
    meaning: Words | None = None


class Revision(_Part):
    """One line of the document's history."""

    version: Words
    date: Words
    by: Words
    change: Words


class Document(_Part):
    """Document control. ``selftest``: the record, selftest.json, that ``pfungst selftest`` wrote."""

    id: Words | None = None
    version: Words | None = None
    classification: Words | None = None
    author: Person = Person()
    reviewer: Person = Person()
    approver: Person = Person()
    revisions: list[Revision] = []
    deviations: list[Words] = []
    selftest: Annotated[str, Field(min_length=1)] | None = None


class IntendedUse(_Part):
    """What the model is for, and what is claimed of it. ``claim`` is the claim that the audit was made to test."""

    purpose: Words | None = None
    population: Words | None = None
    modality: Words | None = None
    users: Words | None = None
    setting: Words | None = None
    operating_point: Words | None = None
    contraindications: Words | None = None
    claim: Words | None = None


class Provenance(_Part):
    """Where the pictures come from."""

    sources: Words | None = None
    sites: Words | None = None
    devices: Words | None = None
    period: Words | None = None
    inclusion: Words | None = None
    exclusion: Words | None = None
    splitting: Words | None = None
    deidentification: Words | None = None
    licence: Words | None = None


class ReferenceStandard(_Part):
    """Who said what is true: who gave the labels, who drew the masks, and how far they agreed."""

    labels: Words | None = None
    drawn_by: Words | None = None
    qualifications: Words | None = None
    procedure: Words | None = None
    agreement: Words | None = None


class ReportConfig(_Part):
    """How the report is printed: a folder whose templates stand in for ours by file name."""

    templates: Annotated[str, Field(min_length=1)] | None = None
