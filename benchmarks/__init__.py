"""How fast augtool is, against the bound of the machine and against what one would use instead.

``python -m benchmarks`` from the repository's top level, on Linux. To add a row is to add one file
to ``rows/``; what augtool is raced against is in ``rivals/``, one program a file.
"""
