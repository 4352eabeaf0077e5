"""Answers comparisons with rpm's own code, one line of standard input each.

    cmp  E V R E V R          -1, 0 or 1 (rpm.labelCompare)
    ds   FLAGS EVR FLAGS EVR  1 if the ranges overlap, else 0 (rpm.ds)

Fields are separated by tabs; flags are the RPMSENSE bits (rpm.ds refuses all
three at once); an empty release is no
release.
"""

import sys

import rpm


def answer(kind, *fields):
    if kind == "cmp":
        a, b = fields[:3], fields[3:]
        return rpm.labelCompare(tuple(f or None for f in a), tuple(f or None for f in b))
    af, a, bf, b = fields
    x = rpm.ds(("name", int(af), a), "Requires")
    y = rpm.ds(("name", int(bf), b), "Provides")
    return int(x.Compare(y))


for line in sys.stdin:
    print(answer(*line.rstrip("\n").split("\t")))
