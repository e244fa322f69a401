"""Answers about a run: pure functions of traces to small frozen results. Nothing here opens a file or asks the time."""
