"""Where tasks run: anything with the ``concurrent.futures.Executor`` interface, one file each."""
