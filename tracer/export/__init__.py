"""Files for other tools. One module a format, one table of formats."""

from tracer.export.formats import FORMATS, Format
from tracer.export.output import check_free, new_file

__all__ = ["FORMATS", "Format", "check_free", "new_file"]
