"""The composition roots, one for each role that a process can have; each opens what its role needs and no more.

`stores`: connections and repositories. `texts`: what writes explanations and insights, without numpy. `training`: what
a training reads and writes. `serving`: everything that the API answers with.
"""
