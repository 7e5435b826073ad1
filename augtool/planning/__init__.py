"""Which rows are mixed with which, and with what geometry: row numbers only, no I/O."""
