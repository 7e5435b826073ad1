"""The operating system: processes, signals, locks, files, resources."""
