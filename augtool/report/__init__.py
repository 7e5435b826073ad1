"""One HTML page that shows what is in an output or an input: ``write`` makes it.

The page needs nothing else: no network, no server, no font. What it shows is data inside it
(`document`), which the scripts in ``page/`` draw; the data come from one pass over the plan columns
of an output (`scan`) and from a few hundred rows that are looked at one by one (`rows`).
"""

from augtool.report.document import write
from augtool.report.options import Options, Written

__all__ = ["Options", "Written", "write"]
