"""Text formats whose lines all have one shape, made column by column: a million lines a second and more."""

import json
from collections.abc import Sequence
from typing import BinaryIO, Final

import pyarrow as pa
import pyarrow.compute as pc

LINES: Final = 1 << 14
"""Made at a time. Names may be long, and each line repeats them."""


def write_lines(pieces: Sequence[str | pa.Array], out: BinaryIO) -> None:
    """Writes lines which are the pieces one after another.

    Args:
        pieces: Texts that all lines have in common, and columns of texts, one entry a line, none of them null.
        out: Where the lines go, in UTF-8.
    """
    texts = pc.binary_join_element_wise(*pieces, "")
    if len(texts):
        # The bytes of an array of texts are those of its entries, one after another.
        _, offsets, data = texts.buffers()
        bounds = memoryview(offsets).cast("i")
        out.write(memoryview(data)[bounds[texts.offset] : bounds[texts.offset + len(texts)]])


def json_texts(column: pa.ChunkedArray) -> pa.Array:
    """A column of the table of spans as JSON values: numbers, names and times as strings, null where there is none."""
    array = column.combine_chunks()
    if pa.types.is_dictionary(array.type):
        names = [json.dumps(text) for text in array.dictionary.to_pylist()]
        array = pa.DictionaryArray.from_arrays(array.indices, pa.array(names, pa.string()))
    elif pa.types.is_timestamp(array.type):
        array = pc.binary_join_element_wise('"', iso_times(array), '"', "")
    return array.cast(pa.string()).fill_null("null")


def iso_times(times: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """UTC times as text in ISO 8601 with microseconds, ending in Z.

    Arrow's own text of a time has a space where ISO 8601 has a T, and its CSV form is slow.
    """
    text = times.cast(pa.timestamp("us")).cast(pa.string())
    return pc.binary_join_element_wise(pc.binary_replace_slice(text, 10, 11, "T"), "Z", "")
