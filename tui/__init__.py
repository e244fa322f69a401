"""The terminal screen of a run, live or replayed.

It reads the run directory and nothing else: it never runs in the training process and never loads torch or lightning.
What decides (feed, clock, seek, progress, view, frame) is plain Python without textual; widgets only paint.
"""
