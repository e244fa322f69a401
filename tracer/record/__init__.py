"""Writes a run, from inside the training process. Imports the standard library and Lightning, nothing else.

That is a promise to the program being recorded: an import of ours must not change what it does (Lightning >= 2.6 takes
another progress bar as soon as `rich` can be imported), slow its start, or clash with its versions.
"""
