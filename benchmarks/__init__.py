"""Figures that anyone can reproduce: `make bench`.

Speeds are ratios taken within one process or from interleaved runs, because machines are noisy; medians, with the
spread beside them. Nothing here is run by the tests.
"""
