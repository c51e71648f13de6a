"""A zoo of small networks whose truth is known, and the table that says how well the audit tells it.

    python -m benchmarks.detection --plan fast --cache DIR

The modules, in the order in which they build on each other: ``pictures`` and ``skin`` (what is shown), ``families``
(what is planted), ``tasks`` (streams of pictures), ``networks``, ``training``, ``truth`` (what a network does, by
re-rendering), ``plans`` (which networks), ``sets`` and ``audits`` (what the audit says of them), ``figures`` and
``table`` (how well that fits).
"""
