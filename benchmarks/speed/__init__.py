"""How fast is an audit beside the passes that it needs, beside other libraries, and as a set grows?

CPU time is the main figure: it does not change with what else the machine does. Ratios are taken within one run, the
jobs one after the other in every round.
"""
