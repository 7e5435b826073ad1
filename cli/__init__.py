"""The command line: options in, one job out, one line of report."""
